/**
 * Compares what deployments want with what is, and asks for the difference: a seat for each device that has none, the app for
 * those that lack it, the way back for those that shall have none. Needs no claim: each step finds its difference anew and asks for it in one
 * transaction, so one that comes twice asks for nothing. A second pass over a world that stands still does nothing.
 * @module
 */
import { moment, sql, transaction } from '../../db/transaction.ts';
import { type Context, type Services, systemContext } from '../context.ts';
import { findDifferences } from './difference.ts';
import { forgetOver } from './forget-refusals.ts';
import { giveLacking } from './give.ts';
import { installLacking } from './install.ts';
import { noteFailedInstalls } from './install-refusals.ts';
import { openSources } from './problem.ts';
import { stopInstalling } from './stop-installing.ts';
import { stopWaiting } from './stop-waiting.ts';
import { takeUnwanted } from './take-back.ts';

/** Milliseconds between two comparisons of an organization of which nothing seems to have changed. */
export const compareEvery = 60 * 60 * 1000;

/** What a comparison asked for, in pairs of app and device. */
export interface Compared {
  granted: number;
  refused: number;
  /** Installs where a license was there before. */
  installed: number;
  revoked: number;
}

/** Compares all deployments of the organization once. */
export async function compareDeployments(
  services: Services,
  organizationId: bigint,
  correlationId: string,
): Promise<Compared> {
  const context = systemContext(services, organizationId, 'deployment', correlationId);
  await takeLines(context);
  await stopInstalling(context);
  await stopWaiting(context);
  const { isOpen, connected } = await openSources(context);
  await noteFailedInstalls(context);
  const { lacking, uninstalled, unwanted } = await findDifferences(context);
  const sum: Compared = { granted: 0, refused: 0, installed: 0, revoked: 0 };
  for (const { what, ranges } of unwanted) {
    for (const range of ranges) sum.revoked += await takeUnwanted(context, what.appId, range);
  }
  for (const { what, ranges } of lacking.filter(({ what }) => isOpen(what))) {
    for (const range of ranges) {
      const given = await giveLacking(context, what, range);
      sum.granted += given.granted;
      sum.refused += given.refused;
    }
  }
  for (const { what, ranges } of connected ? uninstalled : []) {
    for (const range of ranges) sum.installed += await installLacking(context, what.appId, range);
  }
  await endPass(context, sum);
  return sum;
}

/** What changed before this moment is looked at now; what changes from here on leaves lines of its own. */
function takeLines(context: Context): Promise<unknown> {
  return transaction(context, (tx) =>
    tx.$executeRaw(sql`DELETE FROM deployment_wake WHERE organization_id = ${context.actor.organizationId}`),
  );
}

/** Says when the next comparison is due, and what this one did. */
function endPass(context: Context, { granted, refused, revoked }: Compared): Promise<unknown> {
  const { organizationId } = context.actor;
  const now = context.clock.now();
  return transaction(context, async (tx) => {
    await forgetOver(tx, organizationId, now);
    await tx.$executeRaw(sql`
      INSERT INTO deployment_pass (organization_id, due_at, ended_at, granted, refused, revoked)
      VALUES (${organizationId}, ${moment(new Date(now.getTime() + compareEvery))}, ${moment(now)}, ${granted}, ${refused}, ${revoked})
      ON CONFLICT (organization_id) DO UPDATE SET due_at = excluded.due_at, ended_at = excluded.ended_at,
        granted = excluded.granted, refused = excluded.refused, revoked = excluded.revoked`);
  });
}
