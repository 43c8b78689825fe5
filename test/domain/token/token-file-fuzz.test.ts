import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseTokenFile, TokenFileProblem } from '../../../src/domain/token/token-file.ts';

const runs = 3000;
const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);

const date = fc
  .tuple(
    fc.date({ min: new Date(0), max: new Date('2200-01-01'), noInvalidDate: true }),
    fc.constantFrom('Z', '+0000', '-0700', '+02:00', ''),
  )
  .map(([moment, zone]) => moment.toISOString().slice(0, 19) + zone);
const field = fc.oneof(fc.string(), date, fc.jsonValue());
const content = fc.record({ token: field, expDate: fc.oneof(date, field), orgName: field }, { requiredKeys: [] });
const base64 = (text: string) => Buffer.from(text).toString('base64');
const file = content.map((value) => base64(JSON.stringify(value)));

/** Files, almost-files and noise: cut, encoded twice, sprinkled with white space, in other encodings. */
const anyText = fc.oneof(
  file,
  file.map(base64),
  content.map((value) => JSON.stringify(value)),
  fc.tuple(file, fc.nat(400)).map(([text, end]) => text.slice(0, end)),
  fc
    .tuple(file, fc.nat(400), fc.constantFrom('\r\n', ' ', '\uFEFF', '\u0000', '=', '\u00A0', '!'))
    .map(([text, at, extra]) => text.slice(0, at) + extra + text.slice(at)),
  file.map((text) => Buffer.from(text, 'utf16le').toString('latin1')),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('base64')),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('utf8')),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.base64String({ maxLength: 300 }),
);

test(`S7 S8 S10 any text is a token or a problem that keeps it to itself (FUZZ_SEED=${seed})`, () => {
  let taken = 0;
  const property = fc.property(anyText, (text) => {
    try {
      const read = parseTokenFile(text);
      taken += 1;
      expect(read.bearer).toBe(text.replace(/[\s\uFEFF]/g, ''));
      expect(Number.isNaN(read.expiresAt.getTime())).toBe(false);
    } catch (error) {
      if (!(error instanceof TokenFileProblem)) throw error;
      const said = [error.message, error.hint, error.reason, error.field, error.cause].join('\n');
      expect(sharesEight(text, said)).toBe(false);
    }
  });
  fc.assert(property, { seed, numRuns: runs });
  expect(taken).toBeGreaterThan(runs / 100);
});

function sharesEight(text: string, said: string): boolean {
  for (let at = 0; at + 8 <= text.length; at += 1) if (said.includes(text.slice(at, at + 8))) return true;
  return false;
}
