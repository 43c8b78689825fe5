import type { ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { createAppleLibrary } from '../../src/apple/library.ts';
import { createExchange } from '../../src/apple/transport.ts';
import { clientConfigAnswer } from '../../src/apple/wire.ts';
import { AppleFailure } from '../../src/domain/ports.ts';
import { createVirtualClock, systemClock } from '../../src/lib/clock.ts';
import { type Answer, credential, driverWith, envelope, start, startApple } from './support.ts';

const write = { assets: [{ adamId: '111', pricingParam: 'STDQ' }], serialNumbers: ['S1'], clientUserIds: [] };
const accepted = { json: { ...envelope, eventId: 'e-1' } };

async function failureOf(work: Promise<unknown>): Promise<AppleFailure> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(AppleFailure);
  return error as AppleFailure;
}

async function failures(answer: Answer, timeout?: number) {
  const { library } = await driverWith(() => answer, timeout);
  const read = await failureOf(library.readAssets(credential, {}));
  const posted = await failureOf(library.associate(credential, write));
  return { read, posted };
}

test('the bearer is the text of the file, verbatim, and a POST is JSON', async () => {
  const { library, asked } = await driverWith(() => accepted);
  await library.associate(credential, write);
  expect(asked[0]).toMatchObject({
    method: 'POST',
    path: '/mdm/v2/assets/associate',
    headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
    body: JSON.stringify({ assets: write.assets, serialNumbers: ['S1'] }),
  });
});

test('S7 S69 9622 counts at HTTP 200 too', async () => {
  const { read, posted } = await failures({ json: { errorNumber: 9622, errorMessage: 'bad token' } });
  expect(read).toMatchObject({ kind: 'TOKEN_INVALID', appleErrorNumber: 9622, httpStatus: 200 });
  expect(posted).toMatchObject({ kind: 'TOKEN_INVALID', appleErrorNumber: 9622 });
});

test('S69 an unknown number is kept and judged by the HTTP status', async () => {
  const { read } = await failures({ status: 403, json: { errorNumber: 9999, errorMessage: 'new' } });
  expect(read).toMatchObject({ kind: 'TOKEN_READ_ONLY', appleErrorNumber: 9999, failures: { message: 'new' } });
});

test('S69 an answer without a number is judged by the HTTP status', async () => {
  expect((await failures({ status: 401, json: {} })).read.kind).toBe('TOKEN_INVALID');
  expect((await failures({ status: 400, text: '' })).posted.kind).toBe('REJECTED');
  expect((await failures({ status: 429, text: 'slow down' })).posted.kind).toBe('RATE_LIMITED');
});

test('what an error names is kept', async () => {
  const errorInfo = { assets: [{ adamId: 111 }], serialNumbers: ['S1', 'S2'], clientUserIds: null };
  const { posted } = await failures({ status: 400, json: { errorNumber: 9705, errorMessage: 'twice', errorInfo } });
  expect(posted.kind).toBe('REJECTED');
  expect(posted.failures).toEqual({
    appleErrorNumber: 9705,
    message: 'twice',
    assets: [{ adamId: '111', pricingParam: 'STDQ' }],
    serialNumbers: ['S1', 'S2'],
    clientUserIds: [],
  });
});

test.each([
  ['HTML', '<html><body>Gateway</body></html>'],
  ['cut off', '{"eventId":"e-1","uId":"90'],
  ['no object', '[]'],
  ['empty', ''],
  ['without an event', JSON.stringify(envelope)],
])('S69 a good status with a body that is %s: a read is UNAVAILABLE, a write of unknown outcome', async (_, text) => {
  const { read, posted } = await failures({ text: text.replace('"uId"', '"id"') });
  expect(read.kind).toBe('UNAVAILABLE');
  expect(posted.kind).toBe('UNKNOWN_OUTCOME');
});

test('S69 5xx: with a number nothing was begun, without one nobody knows', async () => {
  const numbered = await failures({ status: 500, json: { errorNumber: 9603, errorMessage: 'internal' } });
  expect(numbered.posted).toMatchObject({ kind: 'UNAVAILABLE', appleErrorNumber: 9603 });
  for (const text of ['<html>', '{}', '']) {
    const { read, posted } = await failures({ status: 502, text });
    expect([read.kind, posted.kind, posted.httpStatus]).toEqual(['UNAVAILABLE', 'UNKNOWN_OUTCOME', 502]);
  }
});

test('a 4xx of a gateway in HTML says nothing about the token', async () => {
  const { read, posted } = await failures({ status: 403, text: '<html>blocked</html>' });
  expect([read.kind, posted.kind]).toEqual(['UNAVAILABLE', 'UNAVAILABLE']);
});

test('a redirect is not followed', async () => {
  const elsewhere = await startApple(() => accepted);
  const { read, posted } = await failures({ status: 307, headers: { location: elsewhere.url }, text: '' });
  expect([read.kind, posted.kind, read.httpStatus]).toEqual(['UNAVAILABLE', 'UNAVAILABLE', 307]);
  expect(elsewhere.asked).toEqual([]);
});

test('S69 no answer in time', async () => {
  const { read, posted } = await failures(() => {}, 40);
  expect([read.kind, posted.kind]).toEqual(['UNAVAILABLE', 'UNKNOWN_OUTCOME']);
  expect(posted.message).toContain('within 0.04 s');
});

test('an answer that stops half way runs into the same timeout', async () => {
  const { read, posted } = await failures((response) => void response.writeHead(200).write('{"assets":['), 60);
  expect([read.kind, posted.kind]).toEqual(['UNAVAILABLE', 'UNKNOWN_OUTCOME']);
});

test('S69 a connection that breaks after the request', async () => {
  const { read, posted } = await failures((response) => void response.socket?.destroy());
  expect([read.kind, posted.kind]).toEqual(['UNAVAILABLE', 'UNKNOWN_OUTCOME']);
});

test('S69 nobody listens: nothing was sent, so a write is UNAVAILABLE', async () => {
  const { library, close } = await driverWith(() => accepted);
  await close();
  const failure = await failureOf(library.associate(credential, write));
  expect(failure.kind).toBe('UNAVAILABLE');
  expect(failure.message).toContain('ECONNREFUSED');
});

test.each([
  ['no address', { code: 'ENOTFOUND', syscall: 'getaddrinfo' }, 'UNAVAILABLE'],
  ['no connection in time', { code: 'UND_ERR_CONNECT_TIMEOUT' }, 'UNAVAILABLE'],
  ['a certificate that nobody trusts', { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, 'UNAVAILABLE'],
  ['a closed socket', { code: 'UND_ERR_SOCKET' }, 'UNKNOWN_OUTCOME'],
  ['no headers in time', { code: 'UND_ERR_HEADERS_TIMEOUT' }, 'UNKNOWN_OUTCOME'],
  ['a reset while reading', { code: 'ECONNRESET', syscall: 'read' }, 'UNKNOWN_OUTCOME'],
])('S69 a write that meets %s', async (_, data, kind) => {
  const cause = Object.assign(new Error('low level'), data);
  const broken = () => Promise.reject(new TypeError('fetch failed', { cause }));
  const library = createAppleLibrary({ baseUrl: 'https://apple.example', clock: systemClock, fetch: broken });
  expect((await failureOf(library.associate(credential, write))).kind).toBe(kind);
});

test('S69 a host with several addresses was not reached only if none of them was', async () => {
  const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED', syscall: 'connect' });
  const reset = Object.assign(new Error('reset'), { code: 'ECONNRESET', syscall: 'read' });
  const kindOf = async (errors: Error[]) => {
    const broken = () => Promise.reject(new TypeError('fetch failed', { cause: new AggregateError(errors) }));
    const library = createAppleLibrary({ baseUrl: 'https://apple.example', clock: systemClock, fetch: broken });
    return (await failureOf(library.associate(credential, write))).kind;
  };
  expect(await kindOf([refused, refused])).toBe('UNAVAILABLE');
  expect(await kindOf([refused, reset])).toBe('UNKNOWN_OUTCOME');
});

test('§14 after 9729 calls open a new connection; after any other answer they use the one that is there', async () => {
  const ports: (number | undefined)[] = [];
  let errorNumber = 9644;
  const { url } = await startApple(() => (response: ServerResponse) => {
    ports.push(response.socket?.remotePort);
    const headers = { 'content-type': 'application/json', 'keep-alive': 'timeout=60' };
    response.writeHead(503, headers).end(JSON.stringify({ errorNumber }));
  });
  const library = createAppleLibrary({ baseUrl: url, clock: systemClock });
  for (const number of [9644, 9644, 9644, 9644, 9644, 9729, 9644, 9644]) {
    errorNumber = number;
    await failureOf(library.describe(credential));
  }
  const before = new Set(ports.slice(0, 6));
  expect(before.size).toBeLessThan(6);
  expect(ports.slice(6).filter((port) => before.has(port))).toEqual([]);
});

test('no call is repeated', async () => {
  const { library, asked } = await driverWith(() => ({ status: 503, json: { errorNumber: 9729, errorMessage: '' } }));
  await failureOf(library.readAssets(credential, {}));
  await failureOf(library.associate(credential, write));
  expect(asked.map(({ method }) => method)).toEqual(['GET', 'POST']);
});

test.each([
  ['30', 30_000],
  ['Tue, 24 Nov 2026 12:02:00 GMT', 120_000],
  ['Tue, 24 Nov 2026 11:00:00 GMT', 0],
  ['80000', 80_000_000],
  ['999999999', 86_400_000],
  ['soon', undefined],
])('Retry-After %s on 503 and 429', async (header, wait) => {
  const headers = { 'retry-after': header };
  const down = await failures({ status: 503, headers, json: { errorNumber: 9729, errorMessage: '' } });
  const fast = await failures({ status: 429, headers, json: { errorNumber: 9646, errorMessage: '' } });
  expect([down.read.retryAfter, fast.posted.retryAfter]).toEqual([wait, wait]);
  expect([down.posted.kind, fast.read.kind]).toEqual(['UNAVAILABLE', 'RATE_LIMITED']);
});

test('Retry-After on another status is not listened to', async () => {
  const { read } = await failures({ status: 400, headers: { 'retry-after': '30' }, json: { errorNumber: 9602 } });
  expect(read.retryAfter).toBeUndefined();
});

test('an answer beyond the bound is not read to its end', async () => {
  const { url } = await startApple(() => ({ json: { ...envelope, locationName: 'x'.repeat(5000) } }));
  const request = { operation: 'Client Config', method: 'GET', url: new URL(url), answer: clientConfigAnswer } as const;
  const bounded = createExchange({ clock: systemClock, maxBodyBytes: 4096 });
  expect((await failureOf(bounded({ ...request, timeout: 5000 }))).kind).toBe('UNAVAILABLE');
  expect((await failureOf(bounded({ ...request, method: 'POST', timeout: 5000 }))).kind).toBe('UNKNOWN_OUTCOME');
});

test('a signal ends a call with its own reason', async () => {
  const stop = new AbortController();
  const { library } = await driverWith(() => () => stop.abort(new Error('shutting down')));
  await expect(library.describe(credential, stop.signal)).rejects.toThrow('shutting down');
  await expect(library.describe(credential, stop.signal)).rejects.toThrow('shutting down');
});

test('S10 neither errors nor log lines hold a part of the token', async () => {
  const echo = { errorNumber: 9622, errorMessage: `no such token: ${credential}`, token: credential };
  const answers: Answer[] = [
    { json: echo },
    { status: 500, text: `<html>${credential}</html>` },
    { status: 307, headers: { location: `http://elsewhere/${credential}` }, text: '' },
    { json: { ...envelope, eventId: { [credential]: credential } } },
    (response) => void response.socket?.destroy(),
    () => {},
  ];
  for (const answer of answers) {
    const { library, lines } = await driverWith(() => answer, 40);
    const failure = await failureOf(library.associate(credential, write));
    expect(lines).toHaveLength(1);
    expectNoPart(inspect([failure, lines], { depth: 20, showHidden: true, maxStringLength: null }));
  }
});

test('S10 a token that fits into no header is refused before anything is sent', async () => {
  const { library, asked, lines } = await driverWith(() => accepted);
  for (const odd of [`${credential}\n`, `${credential}; path=/`, `é${credential}`]) {
    const failure = await failureOf(library.associate(odd, write));
    expect(failure.kind).toBe('TOKEN_INVALID');
    expectNoPart(inspect([failure, lines], { depth: 20, showHidden: true }));
  }
  expect(asked).toEqual([]);
});

test('every call is logged once at debug, without its body', async () => {
  const { url } = await startApple(() => ({ json: { ...envelope, notificationAuthToken: 'hook-secret' } }));
  const clock = createVirtualClock(start);
  const debug: object[] = [];
  const other = () => expect.unreachable('only debug is used');
  const logger = {
    debug: (fields: object) => void debug.push(fields),
    info: other,
    warn: other,
    error: other,
    child: other,
  };
  await createAppleLibrary({ baseUrl: url, clock, logger }).describe(credential);
  expect(debug).toEqual([
    { operation: 'Client Config', method: 'GET', status: 200, uId: envelope.uId, milliseconds: 0 },
  ]);
});

function expectNoPart(text: string): void {
  for (let at = 0; at + 12 <= credential.length; at += 1) expect(text).not.toContain(credential.slice(at, at + 12));
}
