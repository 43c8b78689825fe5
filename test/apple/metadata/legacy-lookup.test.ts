import { expect, test } from 'vitest';
import { createLegacyLookup } from '../../../src/apple/metadata/legacy-lookup.ts';
import { fallbackStorefronts, maxFailuresInARow } from '../../../src/apple/metadata/storefront-source.ts';
import type { SharedPause } from '../../../src/domain/ports.ts';
import { createVirtualClock } from '../../../src/lib/clock.ts';
import { type Answer, type Asked, credential, recordingLogger, start, startApple } from '../support.ts';

const notes = {
  id: 111,
  name: 'Notes Plus',
  bundleId: 'com.example.notes',
  artistName: 'Example',
  kind: 'iosSoftware',
  deviceFamilies: ['iphone', 'ipad'],
  minimumOSVersion: '17.0',
  isB2BCustomApp: true,
  url: 'https://apps.example/notes',
  artwork: { url: 'https://img.example/i/{w}x{h}bb.{f}', width: 1024, height: 1024 },
  offers: [
    { price: 1.5, priceFormatted: '1,50 €', currencyCode: 'EUR', version: { display: ' 4.2 ', externalId: 900001 } },
  ],
};

async function lookupAt(
  answer: (asked: Asked) => Answer,
  more: { fallbacks?: string[]; concurrency?: number; pause?: SharedPause } = {},
) {
  const { url, asked } = await startApple(answer);
  const lines: { fields: object; message: string }[] = [];
  const logger = recordingLogger(lines);
  const clock = createVirtualClock(start);
  const source = createLegacyLookup({
    url: `${url}/lookup`,
    clock,
    logger,
    timeout: 2000,
    ...more,
  });
  const lookup = (...adamIds: string[]) =>
    source.lookup({ adamIds, storefront: 'FR', accountType: 'BUSINESS', credential });
  return { asked, lines, lookup, source, clock };
}

const found = (apps: Record<string, unknown>): Answer => ({
  json: { version: 2, isAuthenticated: false, results: apps },
});

test('S13 one app a call, in the storefront of the token, with the token as cookie', async () => {
  const { source, asked } = await lookupAt(() => found({ '111': notes }));
  await source.lookup({ adamIds: ['111', '111'], storefront: 'FR', accountType: 'EDUCATION', credential });
  expect(asked).toHaveLength(1);
  expect(asked[0]).toMatchObject({ path: '/lookup', headers: { cookie: `itvt=${credential}` } });
  expect(asked[0]?.headers.authorization).toBeUndefined();
  expect(asked[0]?.query).toEqual({
    version: '2',
    id: '111',
    p: 'mdm-lockup',
    caller: 'MDM',
    platform: 'volumestore',
    cc: 'fr',
    l: 'en',
  });
});

test('what the lookup says, in our words', async () => {
  const { lookup } = await lookupAt(() => found({ '111': notes }));
  expect(await lookup('111')).toEqual([
    {
      adamId: '111',
      platform: 'ios',
      name: 'Notes Plus',
      bundleId: 'com.example.notes',
      iconTemplate: 'https://img.example/i/{w}x{h}bb.{f}',
      version: '4.2',
      externalVersionId: '900001',
      minimumOsVersion: '17.0',
      deviceFamilies: ['iphone', 'ipad'],
      artistName: 'Example',
      price: 1.5,
      priceFormatted: '1,50 €',
      currency: 'EUR',
      storeUrl: 'https://apps.example/notes',
      customApp: true,
    },
  ]);
});

test('a universal app has one variant a platform; only its own platform is described in detail', async () => {
  const deviceFamilies = ['mac', 'tvos', 'iphone', 'ipad', 'watch'];
  const { lookup } = await lookupAt(() => found({ '111': { ...notes, deviceFamilies } }));
  const variants = await lookup('111');
  expect(
    variants.map((one) => [one.platform, one.deviceFamilies, one.bundleId, one.minimumOsVersion, one.name]),
  ).toEqual([
    ['ios', ['iphone', 'ipad', 'watch'], 'com.example.notes', '17.0', 'Notes Plus'],
    ['osx', ['mac'], null, null, 'Notes Plus'],
    ['appletvos', ['tvos'], null, null, 'Notes Plus'],
  ]);
});

test.each([
  ['desktopApp', ['mac'], ['osx']],
  ['macSoftware', [], ['osx']],
  ['tvOS', undefined, ['appletvos']],
  [undefined, ['tvos'], ['appletvos']],
  ['iosSoftware', ['tvos'], ['appletvos']],
  ['desktopApp', ['iphone', 'mac'], ['osx', 'ios']],
  ['somethingNew', ['mac', 'iphone'], ['ios', 'osx']],
  ['ebook', undefined, ['ios']],
])('kind %s with families %j', async (kind, deviceFamilies, platforms) => {
  const { lookup } = await lookupAt(() => found({ '111': { ...notes, kind, deviceFamilies } }));
  expect((await lookup('111')).map(({ platform }) => platform)).toEqual(platforms);
});

test('artwork as a list gives the largest; the version id is also found in buyParams', async () => {
  const artwork = [
    { width: 128, url: 'https://img.example/i/128x128bb.png' },
    { width: 216, url: 'https://img.example/j/216x216bb.png' },
  ];
  const offers = [{ buyParams: 'productType=C&price=0&appExtVrsId=830786363' }];
  const { lookup } = await lookupAt(() => found({ '111': { ...notes, artwork, offers } }));
  expect((await lookup('111'))[0]).toMatchObject({
    iconTemplate: 'https://img.example/j/{w}x{h}bb.{f}',
    externalVersionId: '830786363',
    version: null,
    price: null,
  });
});

test('fields of unknown kinds read as null', async () => {
  const odd = {
    name: 5,
    bundleId: null,
    kind: {},
    deviceFamilies: 'iphone',
    artwork: 'x',
    offers: {},
    isB2BCustomApp: 1,
  };
  const { lookup } = await lookupAt(() => found({ '111': odd }));
  expect((await lookup('111'))[0]).toMatchObject({
    platform: 'ios',
    name: null,
    bundleId: null,
    iconTemplate: null,
    deviceFamilies: [],
    customApp: false,
  });
});

test('an app that is absent is asked for in the next storefront only, and others are not', async () => {
  const { lookup, asked } = await lookupAt(({ query }) =>
    found(query.id === '111' || query.cc === 'gb' ? { [query.id ?? '']: notes } : {}),
  );
  expect((await lookup('111', '222')).map(({ adamId }) => adamId)).toEqual(['111', '222']);
  expect(asked.map(({ query }) => `${query.id} ${query.cc}`).sort()).toEqual(['111 fr', '222 fr', '222 gb', '222 us']);
});

test('an app that nobody has is asked for once in each storefront, and is no failure', async () => {
  const { lookup, asked, lines } = await lookupAt(() => ({ json: {} }));
  expect(await lookup('111')).toEqual([]);
  expect(asked.map(({ query }) => query.cc)).toEqual(['fr', 'us', 'gb', 'de', 'it', 'es']);
  expect(fallbackStorefronts).toEqual(['US', 'GB', 'DE', 'FR', 'IT', 'ES']);
  expect(lines.filter(({ message }) => message.includes('failed'))).toEqual([]);
});

test('an app that fails does not spoil the others, and is not asked for elsewhere', async () => {
  const { lookup, asked, lines } = await lookupAt(({ query }) =>
    query.id === '222' ? { text: '<html>' } : found({ [query.id ?? '']: notes }),
  );
  expect((await lookup('111', '222', '333')).map(({ adamId }) => adamId).sort()).toEqual(['111', '333']);
  expect(asked.filter(({ query }) => query.id === '222')).toHaveLength(1);
  expect(lines.at(-1)).toEqual({ message: 'metadata lookups failed', fields: { failed: 1, kind: 'UNAVAILABLE' } });
});

test('S69 when nothing was answered, the lookup fails, and soon', async () => {
  const { lookup, asked } = await lookupAt(() => ({ status: 503, text: '<html>' }), { concurrency: 1 });
  const many = Array.from({ length: 50 }, (_, index) => String(index + 1));
  await expect(lookup(...many)).rejects.toMatchObject({ kind: 'UNAVAILABLE', httpStatus: 503 });
  expect(asked).toHaveLength(maxFailuresInARow);
});

test('S69 when Apple wants a pause, nothing more is asked', async () => {
  const { lookup, asked } = await lookupAt(
    ({ query }) => (query.id === '2' ? { status: 429, text: '' } : found({ [query.id ?? '']: notes })),
    { concurrency: 1 },
  );
  expect((await lookup('1', '2', '3')).map(({ adamId }) => adamId)).toEqual(['1']);
  expect(asked).toHaveLength(2);
});

test('never more calls at the same time than allowed', async () => {
  const open: (() => void)[] = [];
  let most = 0;
  const { lookup } = await lookupAt(
    ({ query }) =>
      (response) => {
        open.push(() => void response.end(JSON.stringify({ results: { [query.id ?? '']: notes } })));
        most = Math.max(most, open.length);
        // The last expected one lets all go; what is above the limit would be counted before.
        if (open.length === 3) for (const answer of open.splice(0)) setImmediate(answer);
      },
    { concurrency: 3 },
  );
  expect(await lookup('1', '2', '3', '4', '5', '6')).toHaveLength(6);
  expect(most).toBe(3);
});

test('an address may be learned at the time of the call', async () => {
  const { url, asked } = await startApple(() => found({ '111': notes }));
  const source = createLegacyLookup({ url: async () => `${url}/a?keep=1`, clock: createVirtualClock(start) });
  await source.lookup({ adamIds: ['111'], storefront: 'FR', accountType: 'BUSINESS', credential });
  expect(asked[0]).toMatchObject({ path: '/a', query: { keep: '1', platform: 'enterprisestore' } });
});

test('S10 a lookup that fails says nothing of the token', async () => {
  const { lookup, lines } = await lookupAt(() => ({ status: 500, text: credential }), { fallbacks: [] });
  const error = await lookup('111').catch((reason: unknown) => String(reason));
  expect(JSON.stringify([error, lines])).not.toContain(credential.slice(0, 16));
});

test.each([
  ['429 with Retry-After', { status: 429, headers: { 'retry-after': '300' }, text: '' }, 300_000],
  ['503 with Retry-After', { status: 503, headers: { 'retry-after': '300' }, text: '' }, 300_000],
  ['429 without', { status: 429, text: '' }, 60_000],
])('§15 after %s nothing is asked, by any process, until it is over', async (_name, refusal, wait) => {
  const shared: { until: Date | null } = { until: null };
  const pause: SharedPause = {
    until: async () => shared.until,
    extend: async (until) => {
      shared.until = until;
    },
  };
  let answer: Answer = refusal;
  const one = await lookupAt(() => answer, { fallbacks: [], concurrency: 1, pause });
  await expect(one.lookup('1', '2', '3')).rejects.toMatchObject({ httpStatus: refusal.status });
  expect(one.asked).toHaveLength(1);
  expect(shared.until).toEqual(new Date(start.getTime() + wait));
  const another = await lookupAt(() => answer, { fallbacks: [], pause });
  await another.clock.advance(wait - 1);
  await expect(another.lookup('1')).rejects.toMatchObject({ kind: 'RATE_LIMITED', retryAfter: 1 });
  expect(another.asked).toEqual([]);
  answer = found({ '1': notes });
  await another.clock.advance(1);
  expect(await another.lookup('1')).toHaveLength(1);
});
