import { expect, test } from 'vitest';
import {
  maxTokenFileBytes,
  parseAppleDate,
  parseTokenFile,
  TokenFileProblem,
} from '../../../src/domain/token/token-file.ts';

const good = { token: 'b3BhcXVlLWlubmVyLXRva2Vu', expDate: '2027-11-08T22:33:22+0000', orgName: 'Lycée de Lyon' };

function encode(content: unknown, indent?: number): string {
  return Buffer.from(typeof content === 'string' ? content : JSON.stringify(content, null, indent)).toString('base64');
}

function problemOf(text: string): TokenFileProblem {
  try {
    parseTokenFile(text);
  } catch (error) {
    expect(error).toBeInstanceOf(TokenFileProblem);
    return error as TokenFileProblem;
  }
  return expect.unreachable('the text was taken');
}

test('S8 S15 a file as downloaded gives the bearer verbatim, the expiry and the name', () => {
  const text = encode(good);
  expect(parseTokenFile(text)).toEqual({
    bearer: text,
    expiresAt: new Date('2027-11-08T22:33:22Z'),
    organizationName: 'Lycée de Lyon',
  });
});

test('S8 a byte-order mark, CRLF and line breaks inside are no part of the bearer', () => {
  const text = encode(good);
  const broken = `\uFEFF${text.replace(/.{20}/g, '$&\r\n')}\r\n`;
  expect(parseTokenFile(broken).bearer).toBe(text);
  expect(parseTokenFile(`  ${text}\n\n`).bearer).toBe(text);
});

test('S8 pretty-printed JSON with unknown fields and a mark of its own is fine and stays as it is', () => {
  const text = encode(`\uFEFF${JSON.stringify({ ...good, added: [1] }, null, 2)}\n`);
  expect(parseTokenFile(text).bearer).toBe(text);
});

test('S15 an expired file is read: expiry is judged elsewhere', () => {
  const { expiresAt } = parseTokenFile(encode({ ...good, expDate: '2019-01-01T00:00:00Z' }));
  expect(expiresAt).toEqual(new Date('2019-01-01T00:00:00Z'));
});

test.each([
  ['nothing', ''],
  ['white space and a byte-order mark', '\uFEFF \r\n\t'],
])('S7 EMPTY: %s', (_, text) => {
  expect(problemOf(text).reason).toBe('EMPTY');
});

test('S7 TOO_LARGE: one byte more than the bound, also when it is white space', () => {
  expect(problemOf('A'.repeat(maxTokenFileBytes + 1)).reason).toBe('TOO_LARGE');
  expect(problemOf(encode(good) + ' '.repeat(maxTokenFileBytes)).reason).toBe('TOO_LARGE');
  const text = encode(good);
  expect(parseTokenFile(text + ' '.repeat(maxTokenFileBytes - text.length)).bearer).toBe(text);
});

test.each([
  ['the JSON itself', JSON.stringify(good)],
  ['prose', 'please find the token attached!'],
  ['the URL-safe alphabet', encode('\u00FB\u00FF\u00FE>>>???').replaceAll('+', '-').replaceAll('/', '_')],
  ['quotes around it', `"${encode(good)}"`],
  ['a mail header before it', `Content-Type: application/pkcs7-mime\n\n${encode(good)}`],
  ['missing padding', encode({ ...good, orgName: 'Lyons' }).replace(/=+$/, '')],
  ['padding in the middle', `QQ==${encode(good)}`],
  ['bits after the end', 'QR=='],
  ['a cut in the middle of four', encode(good).slice(0, 41)],
])('S7 NOT_BASE64: %s', (_, text) => {
  expect(problemOf(text).reason).toBe('NOT_BASE64');
});

test.each([
  ['prose', encode('hello dear world')],
  ['a page', encode('<html></html>')],
  ['the beginning of a file', encode(JSON.stringify(good).slice(0, 60))],
  ['a ZIP', Buffer.from([0x50, 0x4b, 3, 4, 0xff, 0xfe, 0]).toString('base64')],
  ['a certificate', Buffer.from([0x30, 0x82, 1, 2, 0xff, 0xfe, 0]).toString('base64')],
])('S7 NOT_JSON: Base64 of %s', (_, text) => {
  expect(problemOf(text).reason).toBe('NOT_JSON');
});

test.each([
  ['a list', [good], undefined],
  ['text', '"text"', undefined],
  ['null', 'null', undefined],
  ['a number', '123', undefined],
  ['a number as token', { ...good, token: 5 }, 'token'],
  ['a number as date', { ...good, expDate: 1_800_000_000 }, 'expDate'],
  ['an object as name', { ...good, orgName: {} }, 'orgName'],
])('S7 WRONG_TYPE: %s', (_, content, field) => {
  expect(problemOf(encode(content))).toMatchObject({ reason: 'WRONG_TYPE', field });
});

test.each(['token', 'expDate', 'orgName'] as const)('S7 MISSING_FIELD: %s absent, null or empty', (field) => {
  const { [field]: _, ...rest } = good;
  for (const content of [rest, { ...rest, [field]: null }, { ...rest, [field]: '' }]) {
    expect(problemOf(encode(content))).toMatchObject({ reason: 'MISSING_FIELD', field });
  }
});

test.each([
  ['of Base64 itself', good.token],
  ['of random bytes', Buffer.from('f1e2d3c4b5a697887766554433221100aabbccddeeff', 'hex').toString('base64')],
])('S7 INNER_TOKEN: the inner value alone, %s', (_, text) => {
  expect(problemOf(text).reason).toBe('INNER_TOKEN');
});

test('S7 DOUBLE_ENCODED: the file was encoded again, line breaks or not', () => {
  expect(problemOf(encode(encode(good))).reason).toBe('DOUBLE_ENCODED');
  expect(problemOf(encode(`${encode(good).replace(/.{40}/g, '$&\r\n')}\n`)).reason).toBe('DOUBLE_ENCODED');
});

test.each([
  'tomorrow',
  '2027-11-08',
  '2027-11-08T22:33:22',
  '2027-02-30T00:00:00Z',
  '2027-13-01T00:00:00Z',
  '2027-01-01T24:00:00Z',
  '2027-01-01T00:00:00+9900',
  ' 2027-01-01T00:00:00Z',
  '1800000000',
])('S15 BAD_DATE: %s', (expDate) => {
  expect(problemOf(encode({ ...good, expDate }))).toMatchObject({ reason: 'BAD_DATE', field: 'expDate' });
});

test.each([
  ['a NUL', `${encode(good)}\u0000`],
  ['UTF-16 read as UTF-8', Buffer.from(`\uFEFF${encode(good)}`, 'utf16le').toString('utf8')],
  ['UTF-16 read as Latin-1', Buffer.from(`\uFEFF${encode(good)}`, 'utf16le').toString('latin1')],
  ['UTF-8 with a mark, read as Latin-1', Buffer.from(`\uFEFF${encode(good)}`).toString('latin1')],
  ['a replacement character', `\uFFFD${encode(good)}`],
  ['Base64 of Latin-1', Buffer.from(JSON.stringify(good), 'latin1').toString('base64')],
  ['Base64 of UTF-16', Buffer.from(JSON.stringify(good), 'utf16le').toString('base64')],
])('S7 S8 WRONG_ENCODING: %s', (_, text) => {
  expect(problemOf(text).reason).toBe('WRONG_ENCODING');
});

test('S10 a problem says what to do and holds nothing of the text', () => {
  const problem = problemOf(`${encode(good)}!`);
  expect(problem.hint).toMatch(/Upload the whole \.vpptoken file/);
  expect(problem.message).toBe(problem.hint);
  expect(Object.values(problem).join(' ')).not.toContain(encode(good).slice(0, 8));
  expect(problem.cause).toBeUndefined();
});

test.each([
  ['2027-11-08T22:33:22+0000', '2027-11-08T22:33:22Z'],
  ['2027-11-08T15:33:22-0700', '2027-11-08T22:33:22Z'],
  ['2027-11-09T00:33:22+02:00', '2027-11-08T22:33:22Z'],
  ['2027-11-08T22:33:22Z', '2027-11-08T22:33:22Z'],
  ['2028-02-29T23:59:59.250+0530', '2028-02-29T18:29:59Z'],
])('S15 the date %s is read', (text, moment) => {
  expect(parseAppleDate(text)).toEqual(new Date(moment));
});
