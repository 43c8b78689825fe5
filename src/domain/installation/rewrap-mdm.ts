import { sql, transaction } from '../../db/transaction.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context, Services } from '../context.ts';
import { type MdmSecret, mdmSecretRow, sealSecrets } from '../mdm/secrets.ts';
import type { KeyRing } from '../token/key-ring.ts';

const batch = 100;

/** A connection whose secrets none of the keys opens. */
export interface UnopenedMdm {
  connectionId: bigint;
  reason: string;
}

interface SealedConnection {
  organizationId: bigint;
  id: bigint;
  webhookId: string;
  apiKeyJwe: string;
  hmacKeyJwe: string | null;
}

type Rewrapper = Pick<Services, 'prisma' | 'clock'> & Pick<Context, 'correlationId'>;

/** Puts the secrets of MDM servers under the first key. Gives how many rows were sealed, and what could not be opened. */
export async function rewrapMdm(
  services: Rewrapper,
  ring: KeyRing,
): Promise<{ sealed: number; unopened: UnopenedMdm[] }> {
  const unopened: UnopenedMdm[] = [];
  let sealed = 0;
  let after = 0n;
  for (;;) {
    const rows = await services.prisma.$queryRaw<SealedConnection[]>(sql`
      SELECT organization_id AS "organizationId", id, webhook_id::text AS "webhookId", api_key_jwe AS "apiKeyJwe", hmac_key_jwe AS "hmacKeyJwe"
      FROM mdm_connection WHERE api_key_jwe IS NOT NULL AND key_id IS DISTINCT FROM ${ring.ids[0]!} AND id > ${after} ORDER BY id LIMIT ${batch}`);
    for (const row of rows) {
      const reason = await rewrap(services, ring, row).catch((error: Error) => error.message);
      if (typeof reason === 'string') unopened.push({ connectionId: row.id, reason });
      else sealed += reason;
    }
    if (rows.length < batch) return { sealed, unopened };
    after = rows.at(-1)!.id;
  }
}

/** Gives 0 when the connection was changed meanwhile: its secrets are under the first key then. */
async function rewrap(services: Rewrapper, ring: KeyRing, row: SealedConnection): Promise<number> {
  const { organizationId, id, webhookId, apiKeyJwe, hmacKeyJwe } = row;
  const open = (jwe: string, secret: MdmSecret) => ring.open(jwe, mdmSecretRow(webhookId, secret));
  const apiKey = await open(apiKeyJwe, 'api-key');
  const hmacKey = hmacKeyJwe === null ? null : await open(hmacKeyJwe, 'hmac-key');
  const data = await sealSecrets({ secrets: ring }, webhookId, { apiKey, hmacKey });
  return transaction(services, async (tx) => {
    const { count } = await tx.mdmConnection.updateMany({ where: { organizationId, id, apiKeyJwe, hmacKeyJwe }, data });
    const actor = { kind: 'SYSTEM' as const, organizationId, name: 'rotate-key' };
    const entry = { action: 'mdm.reseal' as const, subject: `mdm:${id}`, data: { keyId: data.keyId } };
    if (count > 0) await recordAudit({ ...services, actor }, tx, entry);
    return count;
  });
}
