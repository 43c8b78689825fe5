/** Tasks: each ends, its items add up, its events are numbered, and nothing is left over. @module */
import { rowOf } from '../told.ts';
import type { Evidence } from './evidence.ts';

const over = ['SUCCEEDED', 'FAILED', 'CANCELLED'];

interface Task {
  id: string;
  kind: string;
  state: string;
  outcome: string | null;
  requested: number;
  completed: number;
  failed: number;
  failures: number;
  confirmed: number;
  seated: number;
  revoked: number;
  finished: boolean;
}

/** Every task has an end, everything accepted has a task, and what became of the items is the whole of them. */
export async function tasksEnd({ rows, told }: Evidence): Promise<string[]> {
  const tasks = await rows<Task>(
    `SELECT t.id, t.kind, t.state, t.outcome, t.requested::int, t.completed::int, t.failed::int, t.finished_at IS NOT NULL AS finished,
       (SELECT count(*)::int FROM task_failure f WHERE f.organization_id = t.organization_id AND f.task_id = t.id) AS failures,
       (SELECT count(DISTINCT g.license_id)::int FROM license l JOIN ledger g ON g.organization_id = l.organization_id AND g.license_id = l.id AND g.kind = 'CONFIRM'
        WHERE l.organization_id = t.organization_id AND l.task_id = t.id) AS confirmed,
       (SELECT count(DISTINCT g.seat_id)::int FROM seat_assignment l JOIN seat_ledger g ON g.organization_id = l.organization_id AND g.seat_id = l.id AND g.kind = 'CONFIRM'
        WHERE l.organization_id = t.organization_id AND l.task_id = t.id) AS seated,
       (SELECT count(*)::int FROM license l WHERE l.organization_id = t.organization_id AND l.revoke_task_id = t.id AND l.ended_at IS NOT NULL) AS revoked
     FROM task t ORDER BY t.id`,
  );
  const known = new Set(tasks.map((task) => task.id));
  const lost = told.accepted
    .filter(({ taskId }) => !known.has(rowOf(taskId)))
    .map(
      ({ operation, taskId }) =>
        `A client was told that its ${operation} is task ${rowOf(taskId)}, and there is no such task`,
    );
  return [...lost, ...tasks.flatMap(judge)];
}

function judge(task: Task): string[] {
  const name = `Task ${task.id} (${task.kind}, ${task.state})`;
  if (!over.includes(task.state)) return [`${name} has not ended`];
  const found: string[] = [];
  if (!task.finished || task.outcome === null) found.push(`${name} ended without a time or an outcome`);
  if (task.kind === 'SYNC') return found;
  if (task.completed + task.failed !== task.requested)
    found.push(
      `${name} was asked for ${task.requested} items, and ${task.completed} done and ${task.failed} failed are not all`,
    );
  if (task.state === 'SUCCEEDED' && task.failures !== task.failed)
    found.push(`${name} counts ${task.failed} failed items and lists ${task.failures}`);
  if (task.kind === 'ASSOCIATE' && task.confirmed !== task.completed)
    found.push(`${name} counts ${task.completed} licenses given, and ${task.confirmed} of its licenses were confirmed`);
  if (task.kind === 'ASSIGN_SEATS' && task.seated !== task.completed)
    found.push(`${name} counts ${task.completed} seats given, and ${task.seated} of its seats were confirmed`);
  if (task.kind === 'REVOKE' && task.state === 'SUCCEEDED' && task.revoked !== task.completed)
    found.push(`${name} counts ${task.completed} licenses taken back, and ${task.revoked} of its licenses ended`);
  return found;
}

/** Events of a task are numbered from 1, the organization's too, and the last one says what the task's row says. */
export async function eventsAreNumbered({ rows }: Evidence): Promise<string[]> {
  const wrong = await rows<{ text: string }>(
    `SELECT format('Task %s has number %s, and its events are %s with numbers %s to %s', t.id, t.seq, count(e.seq), min(e.seq), max(e.seq)) AS text
     FROM task t LEFT JOIN task_event e ON e.organization_id = t.organization_id AND e.task_id = t.id
     GROUP BY t.organization_id, t.id, t.seq HAVING count(e.seq) <> t.seq OR min(e.seq) <> 1 OR max(e.seq) <> t.seq
     UNION ALL
     SELECT format('Task %s is %s (%s of %s, %s failed), and its last event says %s (%s of %s, %s failed)', t.id, t.state, t.completed, t.requested, t.failed,
       e.payload ->> 'state', e.payload ->> 'completed', e.payload ->> 'requested', e.payload ->> 'failed')
     FROM task t JOIN task_event e ON e.organization_id = t.organization_id AND e.task_id = t.id AND e.seq = t.seq
     WHERE (t.state::text, t.completed, t.failed, t.requested) IS DISTINCT FROM
       (e.payload ->> 'state', (e.payload ->> 'completed')::bigint, (e.payload ->> 'failed')::bigint, (e.payload ->> 'requested')::bigint)
     UNION ALL
     SELECT format('Task %s ended %s times', task_id, count(*)) FROM task_event
     WHERE payload ->> 'state' IN ('SUCCEEDED', 'FAILED', 'CANCELLED') GROUP BY task_id HAVING count(*) > 1
     UNION ALL
     SELECT format('Organization %s counts %s events, and has %s numbered up to %s', c.organization_id, c.seq, count(e.org_seq), max(e.org_seq))
     FROM organization_counter c LEFT JOIN task_event e ON e.organization_id = c.organization_id
     GROUP BY c.organization_id, c.seq HAVING count(DISTINCT e.org_seq) <> c.seq OR max(e.org_seq) <> c.seq`,
  );
  return wrong.map((row) => row.text);
}

/** No call waits for an answer. */
export async function nothingLeftOpen({ rows }: Evidence): Promise<string[]> {
  const open = await rows<{ text: string }>(
    `SELECT format('Call %s (%s of task %s) is still %s', id, kind, task_id, state) AS text FROM apple_call WHERE state NOT IN ('SETTLED', 'REJECTED')`,
  );
  return open.map((row) => row.text);
}
