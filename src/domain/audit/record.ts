import { json, moment, sql, type Tx } from '../../db/transaction.ts';
import { actorLabel } from '../actor.ts';
import type { Context } from '../context.ts';

/** What was done, as `noun.verb`. A closed list. */
export type AuditAction =
  | 'token.upload'
  | 'token.renew'
  | 'token.update'
  | 'token.remove'
  | 'token.reorder'
  | 'token.reserve'
  | 'token.claim'
  | 'token.end-pause'
  | 'token.rotate-webhook'
  | 'token.reseal'
  | 'token.notice'
  | 'installation.confirm'
  | 'app.remove'
  | 'license.associate'
  | 'license.revoke'
  | 'license.adopt'
  | 'plan.create'
  | 'plan.apply'
  | 'vpp-user.create'
  | 'vpp-user.update'
  | 'vpp-user.invite'
  | 'vpp-user.retire'
  | 'seat.enable'
  | 'seat.disable'
  | 'seat.assign'
  | 'seat.remove'
  | 'sync.start'
  | 'app.install'
  | 'app.set-status'
  | 'device.upsert'
  | 'device.assign'
  | 'device.unassign'
  | 'device.remove'
  | 'device.refresh'
  | 'device.report'
  | 'device-command.lease'
  | 'device-command.report'
  | 'device-group.create'
  | 'device-group.update'
  | 'device-group.delete'
  | 'device-group.members'
  | 'device-group.quota'
  | 'device-group.app-statuses'
  | 'storefront.request'
  | 'reclaim-rule.create'
  | 'reclaim-rule.update'
  | 'reclaim-rule.delete'
  | 'reclaim-rule.run'
  | 'reclaim-run.undo'
  | 'mdm.connect'
  | 'mdm.update'
  | 'mdm.remove'
  | 'mdm.test'
  | 'mdm.set-aside'
  | 'mdm.reseal'
  | 'deployment.create'
  | 'deployment.update'
  | 'deployment.delete'
  | 'task.cancel'
  | 'task.retry'
  | 'api-key.create'
  | 'api-key.revoke'
  | 'organization.create'
  | 'organization.update'
  | 'update-policy.set'
  | 'update-policy.remove'
  | 'update.pause'
  | 'update.resume'
  | 'update.retry';

/** One entry of the audit log. */
export interface AuditRecord {
  action: AuditAction;
  /** What it was done to, e.g. `token:3`. */
  subject?: string;
  taskId?: bigint;
  /** What changed; never a secret, never personal data. */
  data?: Record<string, unknown>;
}

/** Writes the entry in the write's own transaction: no entry, no write. One for each action of an actor. */
export async function recordAudit(
  context: Pick<Context, 'actor' | 'clock' | 'correlationId'>,
  tx: Tx,
  record: AuditRecord,
): Promise<void> {
  await tx.$executeRaw(sql`
    INSERT INTO audit_entry (organization_id, at, actor, action, subject, task_id, correlation_id, data)
    VALUES (${context.actor.organizationId}, ${moment(context.clock.now())}, ${actorLabel(context.actor)}, ${record.action},
            ${record.subject ?? null}, ${record.taskId ?? null}, ${context.correlationId}, ${record.data ? json(record.data) : sql`NULL`})`);
}
