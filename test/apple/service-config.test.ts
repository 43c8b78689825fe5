import { expect, test } from 'vitest';
import { createAppleLibrary } from '../../src/apple/library.ts';
import {
  appleLookupUrl,
  conservativeLimits,
  createServiceConfig,
  serviceConfigMaxAge,
} from '../../src/apple/service-config.ts';
import { createExchange } from '../../src/apple/transport.ts';
import { createVirtualClock } from '../../src/lib/clock.ts';
import { credential, driverWith, start } from './support.ts';

test('limits are read without a token and kept for five minutes', async () => {
  let maxAssets = 25;
  const { library, asked, clock } = await driverWith(() => ({ json: { limits: { maxAssets } } }));
  expect((await library.limits()).maxAssets).toBe(25);
  maxAssets = 7;
  await clock.advance(serviceConfigMaxAge - 1);
  expect((await library.limits()).maxAssets).toBe(25);
  await clock.advance(1);
  expect((await library.limits()).maxAssets).toBe(7);
  expect(asked.map(({ path, headers }) => [path, headers.authorization])).toEqual([
    ['/mdm/v2/service/config', undefined],
    ['/mdm/v2/service/config', undefined],
  ]);
});

test('fresh limits are asked for at once and then kept', async () => {
  const { library, asked } = await driverWith(() => ({ json: { limits: {} } }));
  await library.limits();
  await library.limits({ fresh: true });
  await library.limits();
  expect(asked).toHaveLength(2);
});

test('callers at the same time share one call, and a failure is not kept', async () => {
  let status = 503;
  const { library, asked } = await driverWith(() => ({ status, json: {} }));
  const both = await Promise.allSettled([library.limits(), library.limits()]);
  expect(both.map((one) => one.status)).toEqual(['rejected', 'rejected']);
  status = 200;
  await library.limits();
  expect(asked).toHaveLength(2);
});

test('§15 while Apple does not tell its limits the last ones are used, and it is not asked before Retry-After has passed', async () => {
  let answer: object = { json: { limits: { maxAssets: 25 } } };
  const { library, asked, clock } = await driverWith(() => answer);
  await library.limits();
  answer = { status: 503, headers: { 'retry-after': '60' }, json: {} };
  await clock.advance(serviceConfigMaxAge);
  expect((await library.limits()).maxAssets).toBe(25);
  await clock.advance(59_999);
  expect((await library.limits()).maxAssets).toBe(25);
  await expect(library.limits({ fresh: true })).rejects.toMatchObject({ kind: 'UNAVAILABLE', retryAfter: 1 });
  expect(asked).toHaveLength(2);
  answer = { json: { limits: { maxAssets: 7 } } };
  await clock.advance(1);
  expect((await library.limits()).maxAssets).toBe(7);
});

test('§15 what one process was told to wait, another one waits too', async () => {
  let shared: Date | null = null;
  const pauseOf = () => ({
    until: async () => shared,
    extend: async (until: Date) => {
      shared = until;
    },
  });
  let answer: object = { status: 503, headers: { 'retry-after': '60' }, json: {} };
  const { url, asked, clock } = await driverWith(() => answer);
  const drivers = [1, 2].map(() => createAppleLibrary({ baseUrl: `${url}/mdm/v2`, clock, pauseOf }));
  await expect(drivers[0]!.limits()).rejects.toMatchObject({ retryAfter: 60_000 });
  await clock.advance(59_999);
  await expect(drivers[1]!.limits()).rejects.toMatchObject({ kind: 'UNAVAILABLE', retryAfter: 1 });
  expect(asked).toHaveLength(1);
  answer = { json: { limits: { maxAssets: 7 } } };
  await clock.advance(1);
  expect((await drivers[1]!.limits()).maxAssets).toBe(7);
});

test('§14 9617: Apple has moved, and its settings are read again before the next call', async () => {
  const { library, asked } = await driverWith(({ path }) =>
    path.endsWith('service/config') ? { json: { limits: {} } } : { status: 503, json: { errorNumber: 9617 } },
  );
  await library.limits();
  await library.limits();
  await expect(library.describe(credential)).rejects.toMatchObject({ appleErrorNumber: 9617 });
  await library.limits();
  expect(asked.filter(({ path }) => path.endsWith('service/config'))).toHaveLength(2);
});

test('§14 limits that were asked for before a refusal are not good enough', async () => {
  let answer: object = { json: { limits: { maxAssets: 25 } } };
  const { library, asked, clock } = await driverWith(() => answer);
  await library.limits();
  await clock.advance(1_000);
  const since = clock.now();
  answer = { status: 503, json: {} };
  await expect(library.limits({ since })).rejects.toMatchObject({ kind: 'UNAVAILABLE' });
  answer = { json: { limits: { maxAssets: 7 } } };
  await clock.advance(10_000);
  expect((await library.limits({ since })).maxAssets).toBe(7);
  await library.limits({ since });
  expect(asked).toHaveLength(3);
});

test('missing, null and senseless limits are filled with conservative ones', async () => {
  const limits = {
    maxAssets: 0,
    maxSerialNumbers: '500',
    maxClientUserIds: null,
    maxRequestPerSecond: 20,
    maxOther: 3,
  };
  const { library } = await driverWith(() => ({ json: { limits, errorCodes: [{ errorNumber: 9603 }] } }));
  expect(await library.limits()).toEqual({ ...conservativeLimits, maxSerialNumbers: 500, maxRequestsPerSecond: 20 });
  const bare = await driverWith(() => ({ json: { limits: null } }));
  expect(await bare.library.limits()).toEqual(conservativeLimits);
});

test.each([
  ['https on any host', 'https://uclient.example/lookup', 'https://uclient.example/lookup'],
  ['http', 'http://uclient.example/lookup', appleLookupUrl],
  ['http on this machine', 'http://127.0.0.1/lookup', appleLookupUrl],
  ['no address', 'lookup', appleLookupUrl],
  ['nothing', undefined, appleLookupUrl],
])('S10 where metadata is looked up: %s', async (_, contentMetadataLookup, expected) => {
  expect(await lookupUrl('https://vpp.example/mdm/v2/', contentMetadataLookup)).toBe(expected);
});

test('S10 in a sandbox the lookup is on this machine or on the same host, and never at the real Apple', async () => {
  const sandbox = 'http://apple.sandbox/mdm/v2/';
  for (const url of ['http://127.0.0.1:99/lookup', 'http://localhost/lookup', 'http://apple.sandbox:8080/lookup']) {
    expect(await lookupUrl(sandbox, url)).toBe(url);
  }
  await expect(lookupUrl(sandbox, 'http://elsewhere.example')).rejects.toMatchObject({ kind: 'UNAVAILABLE' });
  await expect(lookupUrl(sandbox, undefined)).rejects.toMatchObject({ kind: 'UNAVAILABLE' });
});

function lookupUrl(root: string, contentMetadataLookup: string | undefined): Promise<string> {
  const clock = createVirtualClock(start);
  const answer = () => Promise.resolve(Response.json({ urls: { contentMetadataLookup } }));
  const exchange = createExchange({ clock, fetch: answer });
  return createServiceConfig({ exchange, root: new URL(root), clock, timeout: 1000 }).metadataLookupUrl();
}
