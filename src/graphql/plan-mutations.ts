import * as failures from '../domain/errors.ts';
import { type AppliedPlan, applyPlan } from '../domain/plan/apply.ts';
import { makePlan } from '../domain/plan/make.ts';
import { builder } from './builder.ts';
import { nodeKey, rowId, rowIds } from './ids.ts';
import {
  associationFields,
  associationOf,
  followingFields,
  revocationFields,
  revocationOf,
} from './license-mutations.ts';
import { mutation } from './mutation.ts';
import { removalFields, removalOf } from './removal-mutations.ts';
import { showsWritten } from './rights.ts';
import { taskOf } from './task-of.ts';
import { removeAppsText } from './vpp-user-mutations.ts';

/** A payload that shows the plan. */
function planPayload(name: string) {
  return builder.objectRef<{ planId: bigint }>(name).implement({
    description: 'The plan. Nothing was done, reserved or asked of Apple.',
    fields: (t) => ({
      plan: t.prismaField({
        type: 'Plan',
        description: 'What would be done; `applyPlan` does it.',
        ...showsWritten,
        resolve: (query, { planId }, _args, { db, actor }) =>
          db.plan.findUniqueOrThrow({ ...query, where: nodeKey(actor.organizationId, planId) }),
      }),
    }),
  });
}

/** What is wrong with the request itself; what would be refused stands in the plan. */
const ofRequest = [
  failures.NotFoundError,
  failures.InstallationNotConfirmedError,
  failures.TokenExpiredError,
  failures.TokenNotUsableError,
];

mutation('planAssociation', {
  description:
    'Plans `associateLicenses`: which device gets which license from which token, and what is missing; with `install` also which apps are installed behind their licenses, and which can’t be. At most 10,000 pairs of app and device.',
  right: 'licenses:write',
  input: builder.inputType('PlanAssociationInput', {
    description: 'Which apps, to whom: as in `associateLicenses`.',
    fields: (t) => ({ ...associationFields(t), ...followingFields(t) }),
  }),
  payload: planPayload('PlanAssociationPayload'),
  failures: [...ofRequest, failures.MdmNotConnectedError],
  run: ({ domain }, input) => makePlan(domain, 'ASSOCIATION', associationOf(input)),
});

mutation('planRevocation', {
  description: 'Plans `revokeLicenses`: which licenses are taken back, and which apps are removed from devices.',
  right: 'licenses:write',
  input: builder.inputType('PlanRevocationInput', {
    description: 'Which licenses to take back: as in `revokeLicenses`.',
    fields: revocationFields,
  }),
  payload: planPayload('PlanRevocationPayload'),
  failures: [...ofRequest, failures.MdmNotConnectedError],
  run: ({ domain }, input) => makePlan(domain, 'REVOCATION', revocationOf(input)),
});

mutation('planAppRemoval', {
  description:
    'Plans `removeApps`: which apps are removed from which devices, which can’t be and why, and which licenses go back.',
  right: 'devices:write',
  input: builder.inputType('PlanAppRemovalInput', {
    description: 'Which apps to remove, and from which devices: as in `removeApps`.',
    fields: removalFields,
  }),
  payload: planPayload('PlanAppRemovalPayload'),
  failures: [...ofRequest, failures.MdmNotConnectedError],
  run: ({ domain }, input) => makePlan(domain, 'APP_REMOVAL', removalOf(input)),
});

mutation('planTokenRemoval', {
  description:
    'Plans `removeToken`: which licenses of which apps are given back at Apple, and which stay there, app by app.',
  right: 'tokens:write',
  input: builder.inputType('PlanTokenRemovalInput', {
    description: 'Which token to remove, and what becomes of its licenses.',
    fields: (t) => ({
      tokenId: t.id({ required: true, description: 'Global id of the token.' }),
      releaseLicenses: t.boolean({
        required: true,
        description: 'Give everything back at Apple first; otherwise it stays there and Russet forgets it.',
      }),
    }),
  }),
  payload: planPayload('PlanTokenRemovalPayload'),
  failures: ofRequest,
  run: ({ domain }, { tokenId, releaseLicenses }) =>
    makePlan(domain, 'TOKEN_REMOVAL', { tokenId: rowId('Token', tokenId, ['tokenId']), releaseLicenses }),
});

mutation('planUserRetirement', {
  description:
    'Plans `retireVppUsers`: which licenses are taken back first, which stay spent, which apps are removed from devices, and who is retired.',
  right: 'users:write',
  input: builder.inputType('PlanUserRetirementInput', {
    description: 'Whom to retire.',
    fields: (t) => ({
      vppUserIds: t.idList({ required: true, description: 'Global ids of the people, at most 10,000.' }),
      removeApps: t.boolean({ description: removeAppsText }),
    }),
  }),
  payload: planPayload('PlanUserRetirementPayload'),
  failures: [...ofRequest, failures.UserNotActiveError, failures.MdmNotConnectedError],
  run: ({ domain }, { vppUserIds, removeApps }) =>
    makePlan(domain, 'USER_RETIREMENT', { vppUserIds: rowIds('VppUser', vppUserIds, ['vppUserIds'])!, removeApps }),
});

const ApplyPlanInput = builder.inputType('ApplyPlanInput', {
  description: 'Which plan to apply.',
  fields: (t) => ({ planId: t.id({ required: true, description: 'Global id of the plan.' }) }),
});

const ApplyPlanPayload = builder.objectRef<AppliedPlan>('ApplyPlanPayload').implement({
  description: 'The plan is being carried out.',
  fields: (t) => ({
    plan: t.prismaField({
      type: 'Plan',
      description: 'The plan.',
      ...showsWritten,
      resolve: (query, { planId }, _args, { db, actor }) =>
        db.plan.findUniqueOrThrow({ ...query, where: nodeKey(actor.organizationId, planId) }),
    }),
    task: t.prismaField({
      type: 'Task',
      nullable: true,
      description: 'The task that carries it out; `taskProgress` follows it. Null when it was done at once.',
      ...showsWritten,
      resolve: (query, { taskId }, _args, context) => taskOf(query, taskId, context),
    }),
    installs: t.prismaField({
      type: 'Task',
      nullable: true,
      description: 'Of an association with `install`: the task of the installs. Each waits for its license.',
      ...showsWritten,
      resolve: (query, { installsTaskId }, _args, context) => taskOf(query, installsTaskId, context),
    }),
    replayed: t.exposeBoolean('replayed', {
      description: 'It was applied before: this is the task of then, as it stands now.',
    }),
  }),
});

mutation('applyPlan', {
  description:
    'Does exactly what the plan says, or nothing: PLAN_STALE when seats, tokens or anything that the plan is about has changed. Applying a plan twice does it once.',
  // What the plan does needs its own right, which the verb asks for first.
  right: 'any',
  input: ApplyPlanInput,
  payload: ApplyPlanPayload,
  failures: [
    failures.NotFoundError,
    failures.PlanStaleError,
    failures.MdmNotConnectedError,
    failures.NoLicensesAvailableError,
    failures.QuotaExceededError,
    failures.UserNotActiveError,
    failures.NoTokenForAppError,
    failures.TokenExpiredError,
    failures.TokenNotUsableError,
    failures.NotDeviceAssignableError,
    failures.AlreadyLicensedError,
    failures.AlreadyWaitingError,
    failures.NotLicensedError,
    failures.NotRevocableError,
    failures.RevokeInProgressError,
    failures.UnknownDeviceError,
    failures.OsTooOldError,
    failures.PlatformNotSupportedError,
    failures.AppNotReleasedError,
    failures.QuotaExceededError,
    failures.InstallationNotConfirmedError,
    failures.DeviceNotEnrolledError,
    failures.RemovalNotSupportedError,
    failures.AppNotManagedError,
    failures.AppNotInstalledError,
    failures.OperationInProgressError,
  ],
  run: ({ domain }, input) => applyPlan(domain, { planId: rowId('Plan', input.planId, ['planId']) }),
});
