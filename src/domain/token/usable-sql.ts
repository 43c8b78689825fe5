import { moment, type Sql, sql } from '../../db/transaction.ts';

/** Whether licenses can be given and taken back through token `t`: {@link isUsable} of its state, as a condition. */
export const tokenUsable = (now: Date): Sql => sql`(t.removed_at IS NULL AND t.email IS NOT NULL AND t.condition = 'OK'
  AND t.expires_at > ${moment(now)} AND t.removal_task_id IS NULL)`;
