import type { Job } from '../../db/enqueue.ts';
import { moment, sql } from '../../db/transaction.ts';
import type { Services } from '../context.ts';
import type { TokenKey } from '../token/gate.ts';

/** Most pieces of each kind. */
const limit = 1_000;

/** What notifications give to do: apply them, read assets again that they hint at, and see that they come. */
export async function dueNotifications(
  services: Pick<Services, 'prisma' | 'clock' | 'settings'>,
): Promise<Pick<Job, 'name' | 'payload' | 'key'>[]> {
  const now = moment(services.clock.now());
  const { publicUrl } = services.settings;
  const present = sql`JOIN token t ON t.organization_id = d.organization_id AND t.id = d.token_id AND t.removed_at IS NULL`;
  const told = await services.prisma.$queryRaw<TokenKey[]>(sql`
    SELECT DISTINCT d.organization_id AS "organizationId", d.token_id AS "tokenId" FROM notification d ${present}
    WHERE d.applied_at IS NULL AND d.due_at <= ${now} LIMIT ${limit}`);
  const hints = await services.prisma.$queryRaw<(TokenKey & { adamId: string })[]>(sql`
    SELECT d.organization_id AS "organizationId", d.token_id AS "tokenId", d.adam_id AS "adamId" FROM asset_hint d ${present}
    WHERE d.due_at <= ${now} ORDER BY d.due_at LIMIT ${limit}`);
  // Without a public address, what Apple was told under another one is taken back.
  const toTell =
    publicUrl === null
      ? sql`d.registered_url IS NOT NULL AND (d.due_at <= ${now} OR d.tried_base IS NOT NULL)`
      : sql`d.due_at <= ${now} OR d.tried_base IS DISTINCT FROM ${publicUrl}`;
  const webhooks = await services.prisma.$queryRaw<TokenKey[]>(sql`
    SELECT d.organization_id AS "organizationId", d.token_id AS "tokenId" FROM token_webhook d ${present}
    WHERE ${toTell} ORDER BY d.token_id LIMIT ${limit}`);
  const ids = ({ organizationId, tokenId }: TokenKey) => {
    return { organizationId: String(organizationId), tokenId: String(tokenId) };
  };
  const key = (prefix: string, { organizationId, tokenId }: TokenKey) => `${prefix}:${organizationId}:${tokenId}`;
  return [
    ...told.map((token) => ({ name: 'apply-notifications' as const, payload: ids(token), key: key('notify', token) })),
    ...hints.map(({ adamId, ...token }) => ({
      name: 'refresh-asset' as const,
      payload: { ...ids(token), adamId },
      key: `${key('asset', token)}:${adamId}`,
    })),
    ...webhooks.map((token) => ({
      name: 'register-webhook' as const,
      payload: ids(token),
      key: key('webhook', token),
    })),
  ];
}
