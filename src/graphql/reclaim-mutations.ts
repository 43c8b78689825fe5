import * as failures from '../domain/errors.ts';
import { runReclaimRule } from '../domain/reclaim/run.ts';
import { undoReclaimRun } from '../domain/reclaim/undo.ts';
import { createReclaimRule, deleteReclaimRule, replaceReclaimRule } from '../domain/reclaim/write.ts';
import { builder } from './builder.ts';
import { globalId, rowId } from './ids.ts';
import { mutation } from './mutation.ts';
import { ReclaimRuleInput, ReclaimRuleRef, ReclaimRunRef, ruleOf } from './reclaim-ref.ts';
import { showsWritten } from './rights.ts';

const ruleKey = (id: string) => rowId('ReclaimRule', id, ['ruleId']);

function rulePayload(name: string, description: string) {
  return builder.objectRef<{ ruleId: bigint }>(name).implement({
    description,
    fields: (t) => ({
      rule: t.field({
        type: ReclaimRuleRef,
        description: 'The rule as it is now.',
        ...showsWritten,
        resolve: ({ ruleId }, _args, { loaders }) => loaders.reclaimRules.load(ruleId).then((row) => row!),
      }),
    }),
  });
}

function runPayload(name: string, description: string) {
  return builder.objectRef<{ runId: bigint }>(name).implement({
    description,
    fields: (t) => ({
      run: t.field({
        type: ReclaimRunRef,
        description: 'The run as it is now.',
        ...showsWritten,
        resolve: ({ runId }, _args, { loaders }) => loaders.reclaimRuns.load(runId).then((row) => row!),
      }),
    }),
  });
}

const CreateReclaimRuleInput = builder.inputType('CreateReclaimRuleInput', {
  description: 'A reclaim rule to make.',
  fields: (t) => ({ rule: t.field({ type: ReclaimRuleInput, required: true, description: 'What it is to do.' }) }),
});

mutation('createReclaimRule', {
  description:
    'Makes a rule by which licenses come back. It marks what it finds soon after, and takes it back when the days of grace are over. `previewReclaim` shows beforehand what it finds.',
  right: 'licenses:write',
  input: CreateReclaimRuleInput,
  payload: rulePayload('CreateReclaimRulePayload', 'The new rule.'),
  failures: [failures.NotFoundError],
  run: async ({ domain }, { rule }) => ({ ruleId: await createReclaimRule(domain, ruleOf(rule)) }),
});

const ReplaceReclaimRuleInput = builder.inputType('ReplaceReclaimRuleInput', {
  description: 'Other terms for a reclaim rule.',
  fields: (t) => ({
    ruleId: t.id({ required: true, description: 'Global id of the rule.' }),
    rule: t.field({
      type: ReclaimRuleInput,
      required: true,
      description: 'What it is to do, in place of all that it did.',
    }),
  }),
});

mutation('replaceReclaimRule', {
  description:
    'Puts other terms in place of those of a reclaim rule. Licenses that it marked keep the end of their grace; those that it no longer finds are freed by its next run, which comes at once, or now when it is switched off.',
  right: 'licenses:write',
  input: ReplaceReclaimRuleInput,
  payload: rulePayload('ReplaceReclaimRulePayload', 'The changed rule.'),
  failures: [failures.NotFoundError],
  run: async ({ domain }, { ruleId, rule }) => ({
    ruleId: await replaceReclaimRule(domain, { ...ruleOf(rule), ruleId: ruleKey(ruleId) }),
  }),
});

const DeleteReclaimRuleInput = builder.inputType('DeleteReclaimRuleInput', {
  description: 'Which reclaim rule to remove.',
  fields: (t) => ({ ruleId: t.id({ required: true, description: 'Global id of the rule.' }) }),
});

const DeleteReclaimRulePayload = builder.objectRef<{ ruleId: bigint }>('DeleteReclaimRulePayload').implement({
  description: 'The rule that is gone.',
  fields: (t) => ({
    ruleId: t.id({
      description: 'The global id that it had.',
      resolve: ({ ruleId }) => globalId('ReclaimRule', ruleId),
    }),
  }),
});

mutation('deleteReclaimRule', {
  description: 'Removes a reclaim rule and frees what it marked. The reports of its runs stay.',
  right: 'licenses:write',
  input: DeleteReclaimRuleInput,
  payload: DeleteReclaimRulePayload,
  failures: [failures.NotFoundError],
  run: async ({ domain }, { ruleId }) => ({ ruleId: await deleteReclaimRule(domain, { ruleId: ruleKey(ruleId) }) }),
});

const RunReclaimRuleInput = builder.inputType('RunReclaimRuleInput', {
  description: 'Which reclaim rule to run now.',
  fields: (t) => ({ ruleId: t.id({ required: true, description: 'Global id of the rule; it need not be enabled.' }) }),
});

mutation('runReclaimRule', {
  description: 'Runs a reclaim rule now: marks what it finds, and takes back what was marked long enough ago.',
  right: 'licenses:write',
  input: RunReclaimRuleInput,
  payload: runPayload('RunReclaimRulePayload', 'What the run did.'),
  failures: [failures.NotFoundError],
  run: async ({ domain }, { ruleId }) => ({ runId: await runReclaimRule(domain, { ruleId: ruleKey(ruleId) }) }),
});

const UndoReclaimRunInput = builder.inputType('UndoReclaimRunInput', {
  description: 'Which run of a reclaim rule to undo.',
  fields: (t) => ({ runId: t.id({ required: true, description: 'Global id of the run.' }) }),
});

mutation('undoReclaimRun', {
  description: 'Gives the devices that lost a license by a run one again, where there is a free license.',
  right: 'licenses:write',
  input: UndoReclaimRunInput,
  payload: runPayload('UndoReclaimRunPayload', 'The run, with the tasks that give licenses again.'),
  failures: [failures.NotFoundError],
  run: async ({ domain }, { runId }) => ({
    runId: await undoReclaimRun(domain, { runId: rowId('ReclaimRun', runId, ['runId']) }),
  }),
});
