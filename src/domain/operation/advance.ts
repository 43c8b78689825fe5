import { ids, sql, type Tx, texts } from '../../db/transaction.ts';
import type { EndedCommand } from '../command/ended.ts';
import type { Context } from '../context.ts';
import { afterCommand, afterStatus, type Move, type OpenOperation } from './after-answer.ts';
import { wakeOperations } from './start.ts';
import { lockOperations, moveOperations } from './transition.ts';
import { wakeDriver } from './wake.ts';

/**
 * Moves operations by what their commands came to. Locks operations only: tasks and licenses follow in
 * `dispatchOperations`, so that whoever applies news never waits for them.
 */
export async function advanceOperations(context: Context, tx: Tx, ended: readonly EndedCommand[]): Promise<void> {
  const { organizationId } = context.actor;
  const answers = ended.filter(({ kind }) => kind === 'INSTALL_APP' || kind === 'REMOVE_APP');
  const lists = ended.filter(({ result }) => result?.managedApps !== undefined);
  await lockOf(tx, organizationId, [...answers, ...lists]);
  if (answers.length > 0) {
    await learnBundleIds(tx, organizationId, answers);
    await move(context, tx, await answered(context, tx, answers));
    // The device is free for what waited behind them.
    await wakeOperations(context, tx, [...new Set(answers.flatMap(({ deviceId }) => deviceId ?? []))]);
  }
  if (lists.length > 0) await move(context, tx, await listed(context, tx, lists));
}

/** All that is moved or woken here, at once: licenses follow their operations in the order of ids, too, and apps come later. */
async function lockOf(tx: Tx, organizationId: bigint, ended: readonly EndedCommand[]): Promise<void> {
  if (ended.length === 0) return;
  const named = ids(ended.flatMap(({ operationId }) => operationId ?? []));
  const devices = ids([...new Set(ended.flatMap(({ deviceId }) => deviceId ?? []))]);
  await lockOperations(
    tx,
    organizationId,
    sql`o.ended_at IS NULL AND (o.id = ANY (${named}) OR o.device_id = ANY (${devices}))`,
  );
}

async function move(context: Context, tx: Tx, moves: readonly Move[]): Promise<void> {
  const { organizationId } = context.actor;
  const moved = await moveOperations(tx, organizationId, moves, context.clock.now());
  if (moved.length > 0) await wakeDriver(tx, organizationId);
}

async function answered(context: Context, tx: Tx, answers: readonly EndedCommand[]): Promise<Move[]> {
  const { organizationId } = context.actor;
  const byOperation = new Map<bigint, EndedCommand[]>();
  for (const one of answers) {
    if (one.operationId !== null) byOperation.set(one.operationId, [...(byOperation.get(one.operationId) ?? []), one]);
  }
  const which = sql`o.ended_at IS NULL AND o.id = ANY (${ids([...byOperation.keys()])})`;
  const operations = await tx.$queryRaw<OpenOperation[]>(sql`
    SELECT ${columns} FROM app_operation o WHERE o.organization_id = ${organizationId} AND ${which} ORDER BY o.id`);
  return operations.flatMap((operation) => {
    const moves = (byOperation.get(operation.id) ?? []).map((one) => afterCommand(operation, one, context.clock.now()));
    return moves.find((one) => one !== null) ?? [];
  });
}

const columns = sql`o.id, o.kind::text AS kind, o.state::text AS state, o.device_id AS "deviceId", o.command_id AS "commandId",
  o.take_over AS "takeOver", o.cause`;

interface Told extends OpenOperation {
  status: string;
  listId: bigint;
}

/** What lists of managed apps tell of apps that are under way: some of it is told once and never again. */
async function listed(context: Context, tx: Tx, lists: readonly EndedCommand[]): Promise<Move[]> {
  const { organizationId } = context.actor;
  const told = lists.flatMap(({ id, deviceId, result }) =>
    deviceId === null ? [] : (result?.managedApps ?? []).map((app) => ({ id, deviceId, ...app })),
  );
  if (told.length === 0) return [];
  const rows = await tx.$queryRaw<Told[]>(sql`
    SELECT ${columns}, t.status, t.list_id AS "listId"
    FROM unnest(${ids(told.map((one) => one.id))}, ${ids(told.map((one) => one.deviceId))}, ${texts(told.map((one) => one.bundleId))},
                ${texts(told.map((one) => one.status))}) AS t(list_id, device_id, bundle_id, status)
    JOIN app_operation o ON o.organization_id = ${organizationId} AND o.device_id = t.device_id AND o.ended_at IS NULL
      AND o.state IN ('SENT', 'INSTALLING', 'PROMPTING')
    JOIN app a ON a.organization_id = o.organization_id AND a.id = o.app_id AND a.bundle_id = t.bundle_id
    ORDER BY o.id, t.list_id`);
  const moves = new Map<bigint, Move>();
  for (const row of rows) {
    const next = afterStatus(row, row.status, row.listId, context.clock.now());
    if (next) moves.set(row.id, next);
  }
  return [...moves.values()];
}

/** Devices tell the bundle id of an app that was named by its store id only; removals and lists need it. */
async function learnBundleIds(tx: Tx, organizationId: bigint, answers: readonly EndedCommand[]): Promise<void> {
  const known = new Map<bigint, string>();
  for (const { kind, appId, result } of answers) {
    const bundleId = result?.app?.bundleId;
    if (kind === 'INSTALL_APP' && appId !== null && bundleId) known.set(appId, bundleId);
  }
  if (known.size === 0) return;
  await tx.$executeRaw(sql`
    UPDATE app a SET bundle_id = n.bundle_id FROM unnest(${ids([...known.keys()])}, ${texts([...known.values()])}) AS n(id, bundle_id)
    WHERE a.organization_id = ${organizationId} AND a.id = n.id AND a.bundle_id IS NULL`);
}
