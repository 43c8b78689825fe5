import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CursorInvalidError } from '../../src/domain/errors.ts';
import { readCursor, writeCursor } from '../../src/domain/task/cursor.ts';

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const number = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });

test(`F1 a cursor leads back to its place, and only with its own task (FUZZ_SEED=${seed})`, () => {
  const property = fc.property(number, number, number, (taskId, seq, other) => {
    const cursor = writeCursor(taskId, seq);
    expect(readCursor(cursor, taskId)).toBe(seq);
    fc.pre(other !== taskId);
    expect(() => readCursor(cursor, other)).toThrow(expect.objectContaining({ reason: 'OTHER_TASK' }));
  });
  fc.assert(property, { seed });
});

test(`F1 any other text is refused with a typed error (FUZZ_SEED=${seed})`, () => {
  const text = fc.oneof(fc.string(), fc.base64String(), fc.constant(''), fc.constant(`${writeCursor(1n, 2n)}=`));
  const property = fc.property(text, (cursor) => {
    try {
      expect(writeCursor(1n, readCursor(cursor, 1n))).toBe(cursor);
    } catch (error) {
      expect(error).toBeInstanceOf(CursorInvalidError);
      expect(error).toMatchObject({ code: 'CURSOR_INVALID', inputPath: ['after'] });
    }
  });
  fc.assert(property, { seed });
});
