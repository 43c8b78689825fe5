import { expect, test } from 'vitest';
import { createDoorbell } from '../../src/realtime/doorbell.ts';
import { forever } from './support.ts';

test('F1 a ring before the look is not lost, and many are one', async () => {
  const doorbell = createDoorbell();
  const watcher = doorbell.watch('task:1:5');
  doorbell.ring({ organizationId: 1n, kind: 'task', id: 5n });
  doorbell.ring({ organizationId: 1n, kind: 'task', id: 5n });
  expect(await watcher.next(forever)).toBe(true);
  const second = watcher.next(forever);
  watcher.close();
  expect(await second).toBe(false);
});

test('F1 a ring wakes the task, its list and nobody else', () => {
  const doorbell = createDoorbell();
  const keys = ['task:1:5', 'task:1:55', 'task:1', 'task:2:5', 'task:2', 'counts:1'] as const;
  const watchers = keys.map((key) => ({ key, watcher: doorbell.watch(key) }));
  const before = new Map(watchers.map(({ key, watcher }) => [key, watcher.stamp]));
  doorbell.ring({ organizationId: 1n, kind: 'task', id: 5n });
  const rung = watchers.filter(({ key, watcher }) => watcher.stamp !== before.get(key)).map(({ key }) => key);
  expect(rung).toEqual(['task:1:5', 'task:1']);
});

test('F1 a ring without a task wakes all tasks of the organization', async () => {
  const doorbell = createDoorbell();
  const ours = doorbell.watch('task:1:5');
  const other = doorbell.watch('task:11:5');
  const before = other.stamp;
  doorbell.ring({ organizationId: 1n, kind: 'task' });
  expect(await ours.next(forever)).toBe(true);
  expect(other.stamp).toBe(before);
});

test('F1 F3 after a gap in listening everybody rings', async () => {
  const doorbell = createDoorbell();
  const watchers = (['task:1:5', 'task:2', 'counts:3'] as const).map((key) => doorbell.watch(key));
  doorbell.ringAll();
  expect(await Promise.all(watchers.map((watcher) => watcher.next(forever)))).toEqual([true, true, true]);
});

test('F1 the stamp rises with each ring and is never used twice for a key', () => {
  const doorbell = createDoorbell();
  const first = doorbell.watch('counts:1');
  const armed = first.stamp;
  doorbell.ring({ organizationId: 1n, kind: 'counts' });
  expect(first.stamp).toBeGreaterThan(armed);
  const rung = first.stamp;
  first.close();
  expect(doorbell.watch('counts:1').stamp).toBeGreaterThan(rung);
});

test('F1 an abort ends the wait, and closed watchers are gone', async () => {
  const doorbell = createDoorbell();
  const ending = new AbortController();
  const watcher = doorbell.watch('task:1');
  const waiting = watcher.next(ending.signal);
  expect(doorbell.size).toBe(1);
  ending.abort();
  expect(await waiting).toBe(false);
  watcher.close();
  watcher.close();
  expect(doorbell.size).toBe(0);
});
