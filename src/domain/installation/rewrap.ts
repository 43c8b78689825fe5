/** Puts every sealed secret under the first key, while everything else goes on working. @module */
import { ids, sql, transaction } from '../../db/transaction.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context, Services } from '../context.ts';
import { secretRow } from '../token/exchange.ts';
import type { KeyRing } from '../token/key-ring.ts';
import { installationRow } from './open.ts';
import { rewrapInvitations } from './rewrap-invitations.ts';
import { rewrapMdm } from './rewrap-mdm.ts';

/** Secrets that are rewrapped between two reports. */
const batch = 100;

/** How far it has come. */
export interface RewrapProgress {
  /** Secrets that are under the first key now. */
  rewrapped: number;
  /** Secrets still under another one. */
  left: number;
}

/** A token, or the connection to an MDM server, whose secret none of the keys opens. */
export interface Unopened {
  kind: 'token' | 'MDM connection';
  id: bigint;
  reason: string;
}

interface SealedToken {
  organizationId: bigint;
  id: bigint;
  mdmId: string;
  secretJwe: string;
}

type Rewrapper = Pick<Services, 'prisma' | 'clock'> & Pick<Context, 'correlationId'>;

/**
 * Rewraps all tokens, open invitations and the secrets of MDM servers, and last the installation's own secret. Each row is changed only while it holds what was opened: a
 * token that is renewed meanwhile keeps its new secret. May be killed at any moment and begun again.
 *
 * @returns what could not be opened; empty when no secret needs any key but the first
 */
export async function rewrapSecrets(
  services: Rewrapper,
  ring: KeyRing,
  report: (progress: RewrapProgress) => void = () => {},
): Promise<Unopened[]> {
  const unopened: Unopened[] = [];
  let rewrapped = 0;
  for (;;) {
    const tokens = await nextTokens(services, ring, unopened);
    if (tokens.length === 0) break;
    for (const token of tokens) {
      const secret = await ring.open(token.secretJwe, secretRow(token.mdmId)).catch((error: Error) => error);
      if (secret instanceof Error) unopened.push({ kind: 'token', id: token.id, reason: secret.message });
      else if (await rewrapToken(services, ring, token, secret)) rewrapped += 1;
    }
    report({ rewrapped, left: await countLeft(services, ring) });
  }
  rewrapped += await rewrapInvitations(services, ring);
  const mdm = await rewrapMdm(services, ring);
  rewrapped += mdm.sealed;
  for (const { connectionId: id, reason } of mdm.unopened) unopened.push({ kind: 'MDM connection', id, reason });
  if (unopened.length === 0) await rewrapInstallation(services, ring);
  return unopened;
}

function nextTokens(services: Rewrapper, ring: KeyRing, unopened: readonly Unopened[]): Promise<SealedToken[]> {
  return services.prisma.$queryRaw<SealedToken[]>(sql`
    SELECT organization_id AS "organizationId", id, mdm_id::text AS "mdmId", secret_jwe AS "secretJwe" FROM token
    WHERE secret_jwe IS NOT NULL AND key_id IS DISTINCT FROM ${ring.ids[0]!}
      AND NOT id = ANY (${ids(unopened.map((token) => token.id))})
    ORDER BY organization_id, id LIMIT ${batch}`);
}

async function countLeft(services: Rewrapper, ring: KeyRing): Promise<number> {
  const [row] = await services.prisma.$queryRaw<{ count: number }[]>(sql`
    SELECT count(*)::int AS count FROM token WHERE secret_jwe IS NOT NULL AND key_id IS DISTINCT FROM ${ring.ids[0]!}`);
  return row!.count;
}

/** False when another process was faster; the row comes again if it still has to. */
async function rewrapToken(services: Rewrapper, ring: KeyRing, token: SealedToken, secret: string): Promise<boolean> {
  const { organizationId, id, mdmId, secretJwe } = token;
  const { jwe, keyId } = await ring.seal(secret, secretRow(mdmId));
  const where = { organizationId, id, secretJwe };
  return transaction(services, async (tx) => {
    const changed = await tx.token.updateMany({ where, data: { secretJwe: jwe, keyId } });
    if (changed.count === 0) return false;
    const actor = { kind: 'SYSTEM' as const, organizationId, name: 'rotate-key' };
    const entry = { action: 'token.reseal' as const, subject: `token:${id}`, data: { keyId } };
    await recordAudit({ ...services, actor }, tx, entry);
    return true;
  });
}

async function rewrapInstallation(services: Rewrapper, ring: KeyRing): Promise<void> {
  const { secretJwe, keyId } = await services.prisma.installation.findUniqueOrThrow({ where: { id: 1 } });
  if (secretJwe === null || keyId === ring.ids[0]) return;
  const sealed = await ring.seal(await ring.open(secretJwe, installationRow), installationRow);
  await services.prisma.installation.updateMany({
    where: { id: 1, secretJwe },
    data: { secretJwe: sealed.jwe, keyId: sealed.keyId },
  });
}
