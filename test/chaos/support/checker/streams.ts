/** Followers: every event once, in order, as it stands in the table, up to the last. @module */
import type { SeenEvent } from '../../../support/process-watch.ts';
import { type Followed, rowOf } from '../told.ts';
import type { Evidence } from './evidence.ts';

interface StoredEvent {
  task_id: string;
  seq: number;
  newest: number;
  text: string;
}

/** What each follower saw is what the table has. */
export async function streamsAreWhole({ rows, told }: Evidence): Promise<string[]> {
  const stored = await rows<StoredEvent>(
    `SELECT e.task_id, e.seq::int, t.seq::int AS newest,
       concat_ws(' ', e.payload ->> 'state', e.payload ->> 'requested', e.payload ->> 'completed', e.payload ->> 'failed') AS text
     FROM task_event e JOIN task t ON t.organization_id = e.organization_id AND t.id = e.task_id`,
  );
  const texts = new Map(stored.map((row) => [`${row.task_id} ${row.seq}`, row.text]));
  const newest = new Map(stored.map((row) => [row.task_id, row.newest]));
  return told.followed.flatMap((followed) => judge(followed, texts, newest));
}

function judge(followed: Followed, texts: Map<string, string>, newest: Map<string, number>): string[] {
  const taskId = rowOf(followed.taskId);
  const name = `A follower of task ${taskId} (${followed.connections} connections)`;
  const found: string[] = [];
  followed.events.forEach((event, index) => {
    const before = followed.events[index - 1];
    if (before && event.seq !== before.seq + 1) found.push(`${name} got event ${event.seq} after event ${before.seq}`);
    const text = texts.get(`${taskId} ${event.seq}`);
    // A snapshot may be newer than the event whose number it has.
    if (!event.snapshot && textOf(event) !== text)
      found.push(`${name} was told "${textOf(event)}" as event ${event.seq}, and the table says "${text}"`);
  });
  const last = followed.events.at(-1);
  const end = newest.get(taskId);
  if (last?.seq !== end)
    found.push(
      `${name} was told ${last ? `"${textOf(last)}" (event ${last.seq})` : 'nothing'} last, and the task's last event is ${end}`,
    );
  else if (last && textOf(last) !== texts.get(`${taskId} ${end}`))
    found.push(`${name} was told "${textOf(last)}" at the end, and the table says "${texts.get(`${taskId} ${end}`)}"`);
  return found;
}

const textOf = ({ task }: SeenEvent) => [task.state, task.requested, task.completed, task.failed].join(' ');
