/** Cuts the finished tasks of an event into notifications: one result, one error number, one asset, so many rows. @module */
import { chunk } from '../../lib/chunk.ts';
import { errorBody } from '../apple/errors.ts';
import type { AppleEvent, TaskOutcome } from '../apple/events.ts';
import { isUserEvent } from '../apple/user-tasks.ts';
import { userInNotification } from '../apple/users.ts';
import type { UserSpec } from '../scenarios/types.ts';
import type { Draft } from './delivery.ts';

/** What it takes to cut. */
export interface CutRules {
  rowsMax: number;
  /** A user as it is now. */
  userOf(clientUserId: string): UserSpec | undefined;
}

/** Notifications for a batch of outcomes. A revoke may mix assets. */
export function cutIntoDrafts(event: AppleEvent, outcomes: readonly TaskOutcome[], rules: CutRules): Draft[] {
  const groups = new Map<string, TaskOutcome[]>();
  // What is taken back at the end of a period is told of then.
  const told = event.subscription?.deferred ? outcomes.filter((one) => one.errorNumber !== undefined) : outcomes;
  for (const outcome of told) {
    const key = `${outcome.errorNumber ?? 'ok'}:${event.type === 'REVOKE' ? '' : assetKey(outcome)}`;
    const group = groups.get(key);
    if (group) group.push(outcome);
    else groups.set(key, [outcome]);
  }
  return [...groups.values()].flatMap((group) =>
    chunk(group, rules.rowsMax).map((rows) => draftOf(event, rows, rules)),
  );
}

function assetKey({ task: { asset } }: TaskOutcome): string {
  return asset ? `${asset.adamId}:${asset.pricingParam}` : '';
}

function draftOf(event: AppleEvent, outcomes: readonly TaskOutcome[], rules: CutRules): Draft {
  const { errorNumber } = outcomes[0]!;
  const result = errorNumber === undefined ? 'SUCCESS' : 'FAILURE';
  const error = errorNumber === undefined ? {} : { error: errorBody(errorNumber) };
  const common = { eventId: event.id, type: event.type, result, ...error };
  if (isUserEvent(event.type)) {
    const users = outcomes.map((outcome) => userOf(outcome, rules));
    return { uId: event.uId, type: 'USER_MANAGEMENT', fields: { ...common, users } };
  }
  if (event.subscription) {
    const rows = outcomes.map(({ task: { asset, target, renewing } }) => ({
      adamId: Number(asset!.adamId),
      clientUserId: target.id,
      ...(renewing === undefined ? {} : { renewing }),
    }));
    return { uId: event.uId, type: 'SUBSCRIPTION_MANAGEMENT', fields: { ...common, assignments: rows } };
  }
  const tasks = outcomes.map((outcome) => outcome.task);
  return { uId: event.uId, type: 'ASSET_MANAGEMENT', fields: common, tasks };
}

/** The record as it is now; a failure echoes what was asked. */
function userOf({ task, errorNumber }: TaskOutcome, rules: CutRules): object {
  const user = errorNumber === undefined ? rules.userOf(task.target.id) : undefined;
  if (user) return userInNotification(user);
  const { clientUserId = task.target.id, email } = task.user ?? {};
  return { clientUserId, ...(email === undefined ? {} : { email }) };
}
