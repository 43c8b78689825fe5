import { z } from 'zod';
import { sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { parseInput } from '../parse.ts';
import { afterRemoval, startRemoval } from '../token/remove.ts';
import { type PlanItem, readFacts, type Seen } from './look.ts';
import type { Planned } from './planned.ts';

const inputSchema = z.object({
  tokenId: z.bigint(),
  /** Give everything back at Apple first; otherwise it stays there. */
  releaseLicenses: z.boolean(),
});

/** What a removal is planned with. */
export type TokenRemovalInput = z.input<typeof inputSchema>;
type Request = z.output<typeof inputSchema>;

/** A removal happens in blocks, so what it does is surveyed by app before it begins. */
export const tokenRemoval: Planned = {
  right: 'tokens:write',
  parse: (input) => parseInput(inputSchema, input),
  survey: (context, tx, request) => survey(context, tx, request as Request),
  start: async (context, tx, request) => {
    const { tokenId, releaseLicenses } = request as Request;
    const { taskId } = await startRemoval(context, tx, { tokenId, release: releaseLicenses });
    return { taskId, installsTaskId: null };
  },
  after: (context, request, taskId) => afterRemoval(context, { tokenId: (request as Request).tokenId, taskId }),
};

interface HeldOfApp {
  appId: bigint;
  releasable: bigint;
  left: bigint;
}

async function survey(context: Context, tx: Tx, { tokenId, releaseLicenses }: Request): Promise<Seen> {
  const held = await tx.$queryRaw<HeldOfApp[]>(sql`
    SELECT l.app_id AS "appId", count(*) FILTER (WHERE ${releaseLicenses} AND p.revocable) AS releasable,
           count(*) FILTER (WHERE NOT (${releaseLicenses} AND p.revocable)) AS "left"
    FROM license l JOIN license_pool p ON p.organization_id = l.organization_id AND p.id = l.pool_id
    WHERE l.organization_id = ${context.actor.organizationId} AND l.token_id = ${tokenId} AND l.ended_at IS NULL
    GROUP BY l.app_id ORDER BY l.app_id`);
  const items = held.flatMap(({ appId, releasable, left }) => [
    ...itemOf('TAKE_BACK', appId, tokenId, releasable),
    ...itemOf('LEAVE', appId, tokenId, left),
  ]);
  const pools = sql`SELECT app_id FROM license_pool WHERE organization_id = ${context.actor.organizationId} AND token_id = ${tokenId}`;
  return { items, facts: await readFacts(context, tx, items, pools) };
}

function itemOf(outcome: 'TAKE_BACK' | 'LEAVE', appId: bigint, tokenId: bigint, licenses: bigint): PlanItem[] {
  if (licenses === 0n) return [];
  const nobody = {
    deviceId: null,
    serialNumber: null,
    vppUserId: null,
    clientUserId: null,
    licenseId: null,
    seatId: null,
    seatSubscriptionId: null,
  };
  return [{ outcome, licenses, appId, tokenId, ...nobody, code: null, message: null, data: null }];
}
