import { generateKeyPairSync } from 'node:crypto';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { expect, test } from 'vitest';
import { developerTokenSeconds } from '../../../src/apple/metadata/developer-token.ts';
import { createOrganizationCatalog } from '../../../src/apple/metadata/organization-catalog.ts';
import { createVirtualClock } from '../../../src/lib/clock.ts';
import { type Answer, type Asked, credential, start, startApple } from '../support.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const key = {
  teamId: 'TEAM000001',
  keyId: 'KEY0000001',
  privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
};

const notes = {
  id: '111',
  type: 'apps',
  attributes: {
    name: 'Notes Plus',
    artistName: 'Example',
    url: 'https://apps.example/notes',
    deviceFamilies: ['iphone', 'ipad', 'mac', 'watch'],
    isB2BCustomApp: true,
    offers: [{ type: 'get', price: 0, priceFormatted: '0,00 €', currencyCode: 'EUR' }],
    platformAttributes: {
      ios: {
        bundleId: 'com.example.notes',
        externalVersionId: 900001,
        minimumOSVersion: '17.0',
        artwork: { url: 'https://img.example/i/{w}x{h}bb.{f}', width: 1024, height: 1024 },
        latestVersionInfo: { versionDisplay: ' 4.2' },
      },
      osx: { bundleId: 'com.example.notes.mac', minimumOSVersion: '14.0' },
    },
  },
};

async function catalogAt(answer: (asked: Asked) => Answer, fallbacks: string[] = []) {
  const { url, asked } = await startApple(answer);
  const clock = createVirtualClock(start);
  const source = createOrganizationCatalog({ key, baseUrl: `${url}/v1`, clock, fallbacks, timeout: 2000 });
  const lookup = (...adamIds: string[]) =>
    source.lookup({ adamIds, storefront: 'FR', accountType: 'BUSINESS', credential });
  return { asked, clock, lookup };
}

const bearerOf = ({ headers }: Asked) => String(headers.authorization).replace(/^Bearer /, '');

test('S13 the catalog is asked with a developer token of ES256 and the library’s token as a cookie', async () => {
  const { asked, lookup } = await catalogAt(() => ({ json: { data: [notes] } }));
  await lookup('111');
  expect(asked).toHaveLength(1);
  const [call] = asked as [Asked];
  expect(call).toMatchObject({
    path: '/v1/catalog/fr/stoken-authenticated-apps',
    headers: { cookie: `itvt=${credential}` },
    query: { ids: '111', platform: 'iphone', additionalPlatforms: 'ipad,mac,appletv' },
  });
  const { payload } = await jwtVerify(bearerOf(call), publicKey, { currentDate: start });
  const now = start.getTime() / 1000;
  expect(decodeProtectedHeader(bearerOf(call))).toEqual({ alg: 'ES256', kid: key.keyId });
  expect(payload).toEqual({ iss: key.teamId, iat: now, exp: now + developerTokenSeconds });
});

test('S13 one variant a platform, each with its own bundle id; what is no app is asked for among the books', async () => {
  const book = { id: '222', type: 'books', attributes: { name: 'A Book' } };
  const { asked, lookup } = await catalogAt(({ path }) => ({
    json: { data: path.endsWith('-books') ? [book] : [notes] },
  }));
  const variants = await lookup('111', '222');
  expect(
    variants.map(({ adamId, platform, bundleId, version, deviceFamilies }) => [
      adamId,
      platform,
      bundleId,
      version,
      deviceFamilies,
    ]),
  ).toEqual([
    ['111', 'ios', 'com.example.notes', '4.2', ['iphone', 'ipad', 'watch']],
    ['111', 'osx', 'com.example.notes.mac', null, ['mac']],
    ['222', 'ios', null, null, []],
  ]);
  expect(variants[0]).toMatchObject({ externalVersionId: '900001', customApp: true, price: 0, currency: 'EUR' });
  expect(asked.map(({ path, query }) => [path.split('/').at(-1), query.ids])).toEqual([
    ['stoken-authenticated-apps', '111,222'],
    ['stoken-authenticated-books', '222'],
  ]);
});

test('what stands beside the name instead of under a platform is read too', async () => {
  const { name, url } = notes.attributes;
  const flat = { id: '111', attributes: { name, url, ...notes.attributes.platformAttributes.ios } };
  const { lookup } = await catalogAt(() => ({ json: { data: [flat] } }));
  expect(await lookup('111')).toMatchObject([{ platform: 'ios', bundleId: 'com.example.notes', version: '4.2' }]);
});

test('what the own storefront lacks is asked for in the fallbacks', async () => {
  const { asked, lookup } = await catalogAt(
    ({ path }) => ({ json: { data: path.includes('/us/') ? [notes] : [] } }),
    ['US', 'GB'],
  );
  expect((await lookup('111')).map(({ platform }) => platform)).toEqual(['ios', 'osx']);
  expect(asked.map(({ path }) => path.split('/')[3])).toEqual(['fr', 'fr', 'us']);
});

test('a developer token that Apple refuses is replaced once; one that ends is replaced before', async () => {
  let refusals = 1;
  const { asked, clock, lookup } = await catalogAt(() =>
    refusals-- > 0 ? { status: 401, json: { errors: [{ status: '401' }] } } : { json: { data: [notes] } },
  );
  await lookup('111');
  expect(asked).toHaveLength(2);
  await clock.advance((developerTokenSeconds - 61) * 1000);
  await lookup('111');
  expect(bearerOf(asked[2]!)).toBe(bearerOf(asked[1]!));
  await clock.advance(2_000);
  await lookup('111');
  expect(bearerOf(asked[3]!)).not.toBe(bearerOf(asked[1]!));
});

test('S69 a key that Apple does not accept is told, and neither key nor token is', async () => {
  const { asked, lookup } = await catalogAt(() => ({ status: 401, json: { errors: [{ status: '401' }] } }));
  const failure = await lookup('111').catch((error: Error) => error);
  expect(failure).toMatchObject({ name: 'AppleFailure', httpStatus: 401 });
  expect(asked).toHaveLength(2);
  const told = JSON.stringify([String(failure), failure]);
  for (const secret of [credential, bearerOf(asked[1]!), key.privateKey]) expect(told).not.toContain(secret);
});

test('S69 when Apple wants a pause, nothing more is asked', async () => {
  const { asked, lookup } = await catalogAt(() => ({ status: 429, json: { errors: [] } }), ['US']);
  await expect(lookup('111')).rejects.toMatchObject({ kind: 'RATE_LIMITED' });
  expect(asked).toHaveLength(1);
});
