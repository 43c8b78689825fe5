import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMailbox } from '../../src/realtime/mailbox.ts';
import { forever } from './support.ts';

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);

test('F3 the newest value of a key wins and keeps the place of the first', () => {
  const mailbox = createMailbox<string, number>();
  mailbox.put('a', 1);
  mailbox.put('b', 1);
  mailbox.put('a', 2);
  expect([mailbox.take(), mailbox.take(), mailbox.take()]).toEqual([2, 1, undefined]);
});

test('F1 a full mailbox still takes news of keys it has', () => {
  const mailbox = createMailbox<string, number>(1);
  expect(mailbox.put('a', 1)).toBe(true);
  expect(mailbox.put('b', 1)).toBe(false);
  expect(mailbox.put('a', 2)).toBe(true);
  expect(mailbox.take()).toBe(2);
});

test('F3 whoever waits is woken by a value, and not by the end of somebody else', async () => {
  const mailbox = createMailbox<string, number>();
  const ending = new AbortController();
  const waiting = mailbox.filled(forever);
  mailbox.put('a', 1);
  expect(await waiting).toBe(true);
  const ended = mailbox.filled(ending.signal);
  ending.abort();
  expect(await ended).toBe(false);
});

test(`F3 what is taken last of a key is what was put last, within the slots (FUZZ_SEED=${seed})`, () => {
  const step = fc.oneof(fc.record({ key: fc.nat(6), value: fc.nat() }), fc.constant('take' as const));
  const property = fc.property(fc.array(step), fc.integer({ min: 1, max: 5 }), (steps, slots) => {
    const mailbox = createMailbox<number, { key: number; value: number }>(slots);
    const model = new Map<number, number>();
    for (const step of steps) {
      if (step === 'take') {
        const taken = mailbox.take();
        expect(taken?.value).toBe(taken && model.get(taken.key));
        if (taken) model.delete(taken.key);
      } else if (mailbox.put(step.key, step)) model.set(step.key, step.value);
      expect(mailbox.size).toBe(model.size);
      expect(mailbox.size).toBeLessThanOrEqual(slots);
    }
  });
  fc.assert(property, { seed });
});
