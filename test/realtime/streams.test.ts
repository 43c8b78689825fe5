import { expect, test } from 'vitest';
import { createBell } from '../../src/realtime/bell.ts';
import { createStreams } from '../../src/realtime/streams.ts';
import { forever, iterate, take } from './support.ts';

function counter() {
  const bell = createBell();
  const seen = { ended: 0 };
  async function* produce(signal: AbortSignal): AsyncGenerator<number, void> {
    try {
      for (let number = 1; await bell.next(signal); number += 1) yield number;
    } finally {
      seen.ended += 1;
    }
  }
  return { bell, seen, produce };
}

test('F1 a reader that leaves while it waits frees everything at once', async () => {
  const streams = createStreams();
  const { produce, seen } = counter();
  const iterator = iterate(streams.open(forever, produce));
  const waiting = iterator.next();
  expect(await iterator.return?.()).toEqual({ done: true, value: undefined });
  expect(await waiting).toEqual({ done: true, value: undefined });
  expect([seen.ended, streams.size]).toEqual([1, 0]);
});

test('F1 an aborted stream is freed also when its reader never comes back', async () => {
  const streams = createStreams();
  const { produce, seen, bell } = counter();
  const ending = new AbortController();
  const iterator = iterate(streams.open(ending.signal, produce));
  bell.ring();
  expect(await take(iterator)).toBe(1);
  ending.abort();
  await Promise.resolve();
  expect([seen.ended, streams.size]).toEqual([1, 0]);
  expect(await iterator.next()).toEqual({ done: true, value: undefined });
});

test('F1 a stream that was aborted before it began never begins', async () => {
  const { produce, seen } = counter();
  const iterator = iterate(createStreams().open(AbortSignal.abort(), produce));
  expect(await iterator.next()).toEqual({ done: true, value: undefined });
  expect(seen.ended).toBe(0);
});

test('F1 closing ends all streams, also ones opened later', async () => {
  const streams = createStreams();
  const waiting = iterate(streams.open(forever, counter().produce)).next();
  streams.close();
  expect(await waiting).toEqual({ done: true, value: undefined });
  expect(await iterate(streams.open(forever, counter().produce)).next()).toEqual({ done: true, value: undefined });
  expect(streams.size).toBe(0);
});

test('F1 a stream that fails is freed', async () => {
  const streams = createStreams();
  async function* produce(): AsyncGenerator<number, void> {
    yield await Promise.reject(new Error('broken'));
  }
  await expect(iterate(streams.open(forever, produce)).next()).rejects.toThrow('broken');
  expect(streams.size).toBe(0);
});
