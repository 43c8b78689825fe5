import { type Sql, sql } from '../../db/transaction.ts';
import type { Settings } from '../context.ts';
import { type DueSource, most, ofTokens } from '../work/source.ts';

/** What notifications give to do: apply them, read assets again that they hint at, and see that they come. */
export function dueNotifications(now: Sql, { publicUrl }: Pick<Settings, 'publicUrl'>): DueSource[] {
  const present = sql`JOIN token t ON t.organization_id = d.organization_id AND t.id = d.token_id AND t.removed_at IS NULL`;
  const told = sql`
    SELECT DISTINCT d.organization_id, d.token_id FROM notification d ${present}
    WHERE d.applied_at IS NULL AND d.due_at <= ${now} ${most}`;
  const hints = sql`
    SELECT d.organization_id, d.token_id, d.adam_id FROM asset_hint d ${present}
    WHERE d.due_at <= ${now} ORDER BY d.due_at ${most}`;
  // Without a public address, what Apple was told under another one is taken back.
  const toTell =
    publicUrl === null
      ? sql`d.registered_url IS NOT NULL AND (d.due_at <= ${now} OR d.tried_base IS NOT NULL)`
      : sql`d.due_at <= ${now} OR d.tried_base IS DISTINCT FROM ${publicUrl}`;
  const webhooks = sql`
    SELECT d.organization_id, d.token_id FROM token_webhook d ${present} WHERE ${toTell} ORDER BY d.token_id ${most}`;
  return [
    ofTokens('apply-notifications', 'notify', told),
    {
      rows: hints,
      job: ({ organizationId, subject, detail: adamId }) => ({
        name: 'refresh-asset',
        payload: { organizationId: String(organizationId), tokenId: String(subject), adamId },
        key: `asset:${organizationId}:${subject}:${adamId}`,
      }),
    },
    ofTokens('register-webhook', 'webhook', webhooks),
  ];
}
