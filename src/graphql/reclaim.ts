import { parseInput } from '../domain/parse.ts';
import {
  countWanted,
  type FoundLicense,
  listFound,
  listRules,
  listRuns,
  type Money,
  type ReclaimRuleRow,
  type ReclaimRunRow,
  type Worth,
  worthOfFound,
} from '../domain/reclaim/rule.ts';
import { reclaimSchema, requireParts } from '../domain/reclaim/write.ts';
import { AppRef } from './app-ref.ts';
import { builder } from './builder.ts';
import type { GraphQLContext } from './context.ts';
import { DeploymentRef } from './deployment-ref.ts';
import { DeviceGroupRef } from './device-group-ref.ts';
import { ReclaimReasonEnum } from './enums.ts';
import { optionalRowId } from './ids.ts';
import { LicenseRef } from './license.ts';
import { idCursor, idWindowOf, type PageArguments, pageOf } from './page.ts';
import { ReclaimRuleInput, ReclaimRuleRef, ReclaimRunRef, ruleOf } from './reclaim-ref.ts';
import { needs } from './rights.ts';
import { rowNode } from './row-node.ts';
import { countTasks, tasksOf } from './task-of.ts';

const MoneyRef = builder.objectRef<Money>('Money').implement({
  description: 'An amount of money.',
  fields: (t) => ({
    currency: t.exposeString('currency', { description: 'ISO 4217, e.g. `EUR`.' }),
    amount: t.exposeString('amount', { description: 'As a decimal text.' }),
  }),
});

const FoundRef = builder.objectRef<FoundLicense>('ReclaimableLicense').implement({
  description: 'A license that a reclaim rule finds.',
  fields: (t) => ({
    license: t.field({
      type: LicenseRef,
      description: 'The license.',
      resolve: ({ id }, _args, { loaders }) => loaders.licenses.load(id).then((row) => row!),
    }),
    since: t.expose('since', {
      type: 'DateTime',
      description: 'Since when the reason holds, as far as Russet can know.',
    }),
    takesAt: t.expose('takesAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it is taken back if nothing changes; null while no rule has marked it.',
    }),
    deployment: t.field({
      type: DeploymentRef,
      nullable: true,
      description:
        'The deployment that wants it there: the two want opposite things. Once it is taken, the deployment does not give it again before the device, or the deployment, changes.',
      resolve: ({ deploymentId }, _args, { loaders }) =>
        deploymentId === null ? null : loaders.deployments.load(deploymentId),
    }),
  }),
});

/** Terms to look at, and the rule whose marks are shown beside what they find. */
interface Preview {
  terms: Pick<ReclaimRuleRow, 'reason' | 'days' | 'appIds' | 'exceptAppIds' | 'groupId' | 'exceptGroupId'>;
  ruleId: bigint | null;
}

const at = ({ domain }: GraphQLContext) => ({ organizationId: domain.actor.organizationId, now: domain.clock.now() });

const WorthRef = builder.objectRef<Worth>('ReclaimWorth').implement({
  description: 'How many licenses, and what they are worth by today’s prices.',
  fields: (t) => ({
    licenses: t.exposeInt('licenses', { description: 'How many.' }),
    value: t.field({ type: [MoneyRef], description: 'Their prices, by currency.', resolve: ({ value }) => value }),
    unpriced: t.exposeInt('unpriced', { description: 'Those of apps without a known price; in no value.' }),
  }),
});

const PreviewRef = builder.objectRef<Preview>('ReclaimPreview').implement({
  description: 'What a reclaim rule finds now. Nothing is changed by looking.',
  fields: (t) => ({
    worth: t.field({
      type: WorthRef,
      description: 'All of it, counted now.',
      resolve: ({ terms }, _args, context) => worthOfFound(context.rows, at(context), terms),
    }),
    deployed: t.int({
      description: 'How many of them a deployment wants where they are; `deployment` says which.',
      resolve: ({ terms }, _args, { domain }) => countWanted(domain, terms),
    }),
    licenses: t.connection({
      type: FoundRef,
      description: 'The licenses.',
      resolve: async ({ terms, ruleId }, args: PageArguments, context) => {
        const window = idWindowOf(args);
        const found = await listFound(context.rows, { ...at(context), ruleId }, terms, window);
        return pageOf(found, window, idCursor);
      },
    }),
  }),
});

rowNode(ReclaimRuleRef, 'reclaimRules', {
  description:
    'Which licenses come back by themselves. A rule marks what it finds, waits for the days of grace, and takes back what it still finds then. It runs once a day. Licenses that others than Russet gave, and those that can’t be taken back, are never found.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'What people call it.' }),
    reason: t.expose('reason', { type: ReclaimReasonEnum, description: 'What has to be so.' }),
    days: t.exposeInt('days', { description: 'For how many days it has to have been so.' }),
    graceDays: t.exposeInt('graceDays', { description: 'How many days pass between mark and revoke.' }),
    apps: t.field({
      type: [AppRef],
      description: 'Only these apps; empty for all. At most 1,000.',
      resolve: ({ appIds }, _args, { loaders }) =>
        Promise.all(appIds.map((id) => loaders.apps.load(id).then((row) => row!))),
    }),
    exceptApps: t.field({
      type: [AppRef],
      description: 'Never these apps. At most 1,000.',
      resolve: ({ exceptAppIds }, _args, { loaders }) =>
        Promise.all(exceptAppIds.map((id) => loaders.apps.load(id).then((row) => row!))),
    }),
    group: t.field({
      type: DeviceGroupRef,
      nullable: true,
      description: 'Only devices that are in this group then; null for all.',
      resolve: ({ groupId }, _args, { loaders }) => (groupId === null ? null : loaders.deviceGroups.load(groupId)),
    }),
    exceptGroup: t.field({
      type: DeviceGroupRef,
      nullable: true,
      description: 'Never devices that are in this group then.',
      resolve: ({ exceptGroupId }, _args, { loaders }) =>
        exceptGroupId === null ? null : loaders.deviceGroups.load(exceptGroupId),
    }),
    enabled: t.exposeBoolean('enabled', { description: 'Whether it runs by itself.' }),
    dueAt: t.expose('dueAt', { type: 'DateTime', nullable: true, description: 'When it runs next by itself.' }),
    preview: t.field({
      type: PreviewRef,
      description: 'What it finds now.',
      resolve: (rule) => ({ terms: rule, ruleId: rule.id }),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it was last changed.' }),
  }),
});

rowNode(ReclaimRunRef, 'reclaimRuns', {
  description: 'What a run of a reclaim rule did. Runs that found nothing new are not kept.',
  fields: (t) => ({
    rule: t.field({
      type: ReclaimRuleRef,
      nullable: true,
      description: 'The rule; null when it was removed since.',
      resolve: ({ ruleId }, _args, { loaders }) => loaders.reclaimRules.load(ruleId),
    }),
    at: t.expose('at', { type: 'DateTime', description: 'When it ran.' }),
    actor: t.exposeString('actor', { description: 'Who ran it: a key, or Russet itself.' }),
    found: t.exposeInt('found', { description: 'Licenses that it found.' }),
    marked: t.exposeInt('marked', {
      description: 'Those that were not taken back: in their days of grace, or refused.',
    }),
    taken: t.exposeInt('taken', { description: 'Those that it asked Apple to take back.' }),
    value: t.field({
      type: [MoneyRef],
      description: 'What those cost by the prices of then, by currency.',
      resolve: ({ value }: ReclaimRunRow) => value,
    }),
    unpriced: t.exposeInt('unpriced', { description: 'Those without a known price; in no value.' }),
    tasks: t.prismaConnection({
      type: 'Task',
      cursor: 'organizationId_id',
      description: 'The tasks that take them back: one for each 10,000.',
      ...needs('tasks:read'),
      totalCount: ({ taskIds }, _args, context) => countTasks(taskIds, context),
      resolve: (query, { taskIds }, _args, context) => tasksOf(query, taskIds, context),
    }),
    undoneAt: t.expose('undoneAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the devices were given licenses again.',
    }),
    undoTasks: t.prismaConnection({
      type: 'Task',
      cursor: 'organizationId_id',
      description: 'The tasks that give them again: one for each app. Their failed items could not get theirs back.',
      ...needs('tasks:read'),
      totalCount: ({ undoTaskIds }, _args, context) => countTasks(undoTaskIds, context),
      resolve: (query, { undoTaskIds }, _args, context) => tasksOf(query, undoTaskIds, context),
    }),
  }),
});

builder.queryField('reclaimRules', (t) =>
  t.connection({
    type: ReclaimRuleRef,
    description: 'The reclaim rules of the organization, oldest first.',
    ...needs('licenses:read'),
    resolve: async (_root, args, { rows, actor }) => {
      const window = idWindowOf(args);
      return pageOf(await listRules(rows, actor.organizationId, window), window, idCursor);
    },
  }),
);

builder.queryField('reclaimRuns', (t) =>
  t.connection({
    type: ReclaimRunRef,
    description: 'What reclaim rules did, oldest first.',
    ...needs('licenses:read'),
    args: { ruleId: t.arg.id({ description: 'Only runs of this rule.' }) },
    resolve: async (_root, args, { rows, actor }) => {
      const ruleId = optionalRowId('ReclaimRule', args.ruleId, ['ruleId']);
      const window = idWindowOf(args);
      return pageOf(await listRuns(rows, actor.organizationId, ruleId, window), window, idCursor);
    },
  }),
);

builder.queryField('previewReclaim', (t) =>
  t.field({
    type: PreviewRef,
    description: 'What a rule would find now. Nothing is stored.',
    ...needs('licenses:read'),
    args: { rule: t.arg({ type: ReclaimRuleInput, required: true, description: 'The rule to look at.' }) },
    resolve: async (_root, { rule }, { domain }) => {
      const terms = parseInput(reclaimSchema, ruleOf(rule));
      await requireParts(domain, domain.prisma, terms);
      return { terms, ruleId: null };
    },
  }),
);
