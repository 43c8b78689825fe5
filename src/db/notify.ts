/** The doorbell: says that something changed, never what. The tables are the truth. @module */
import { sql, type Tx } from './transaction.ts';

/** PostgreSQL's channel for all of Russet's doorbells. */
export const channel = 'russet';

/** What may have changed. */
export type BellKind = 'task' | 'counts' | 'keys' | 'library' | 'notices' | 'commands';

/** A ring: `id` narrows it to one task, where that is known. */
export interface Ring {
  organizationId: bigint;
  kind: BellKind;
  id?: bigint;
}

/** Rings when the transaction commits, and not at all when it does not. */
export async function ring(tx: Tx, bell: Ring): Promise<void> {
  await tx.$queryRaw(sql`SELECT 1 FROM pg_notify(${channel}, ${ringText(bell)})`);
}

/** How a ring travels: `kind:organization[:id]`. */
export function ringText(bell: Ring): string {
  return [bell.kind, bell.organizationId, ...(bell.id === undefined ? [] : [bell.id])].join(':');
}

/** The ring that a text says, or null for one that is not ours. */
export function parseRing(text: string): Ring | null {
  const match = /^(task|counts|keys|library|notices|commands):(\d+)(?::(\d+))?$/.exec(text);
  if (!match) return null;
  const bell: Ring = { kind: match[1] as BellKind, organizationId: BigInt(match[2]!) };
  return match[3] === undefined ? bell : { ...bell, id: BigInt(match[3]) };
}
