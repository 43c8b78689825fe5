import { generateKeyPair, importPKCS8, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { type OptionsPatch, plainApps, school } from '../../src/simulator/index.ts';
import { bench, serials, start } from './support.ts';

interface Resource {
  id: string;
  type: string;
  href: string;
  attributes: Record<string, unknown> & { platformAttributes?: Record<string, Record<string, unknown>> };
}

interface CatalogReply {
  status: number;
  headers: Headers;
  body: { data?: Resource[]; errors?: { status: string; code: string; title: string }[] };
}

const nowSeconds = start.getTime() / 1000;

async function catalogBench(options: OptionsPatch = {}) {
  const tools = await bench(options);
  const key = await tools.admin.createDeveloperKey();
  const sign = async (claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}, signer?: CryptoKey) =>
    new SignJWT({ iss: key.teamId, iat: nowSeconds, exp: nowSeconds + 60, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: key.keyId, ...header })
      .sign(signer ?? (await importPKCS8(key.privateKey, 'ES256')));
  const bearer = await sign();
  const get = async (
    path: string,
    how: { jwt?: string | null; cookie?: string | null } = {},
  ): Promise<CatalogReply> => {
    const headers: Record<string, string> = {};
    const { jwt = bearer, cookie = tools.admin.tokenFile('own') } = how;
    if (jwt !== null) headers.authorization = `Bearer ${jwt}`;
    if (cookie !== null) headers.cookie = `itvt=${cookie}`;
    const response = await fetch(`${tools.url}/v1/catalog/${path}`, { headers });
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as CatalogReply['body'],
    };
  };
  const ids = async (path: string, how?: Parameters<typeof get>[1]) =>
    (await get(path, how)).body.data?.map((one) => one.id);
  return { ...tools, key, sign, get, ids };
}

const owned =
  'us/stoken-authenticated-apps?platform=iphone&additionalPlatforms=ipad,mac&extend[apps]=latestVersionInfo&ids=';

describe('F8 the catalog: developer token', () => {
  it('F8 ES256 with a known key, its issuer, iat and exp', async () => {
    const { get, sign, admin, key } = await catalogBench();
    expect((await get(`${owned}${school.universal}`)).status).toBe(200);
    const stranger = (await generateKeyPair('ES256')).privateKey;
    const bad: [why: string, jwt: string | null][] = [
      ['none', null],
      ['garbage', 'not-a-token'],
      ['another key', await sign({}, {}, stranger)],
      ['unknown kid', await sign({}, { kid: 'AAAAAAAAAA' })],
      ['another issuer', await sign({ iss: 'AAAAAAAAAA' })],
      ['expired', await sign({ exp: nowSeconds - 1 })],
      ['too long', await sign({ exp: nowSeconds + 15_777_001 })],
      ['issued tomorrow', await sign({ iat: nowSeconds + 86_400, exp: nowSeconds + 90_000 })],
      ['without iat', await sign({ iat: undefined })],
      ['without exp', await sign({ exp: undefined })],
      ['the content token', admin.tokenFile('own')],
      [
        'another algorithm',
        await new SignJWT({ iss: key.teamId, iat: nowSeconds, exp: nowSeconds + 60 })
          .setProtectedHeader({ alg: 'HS256', kid: key.keyId })
          .sign(new TextEncoder().encode(key.publicKey)),
      ],
    ];
    for (const [why, jwt] of bad) {
      const { status, body } = await get(`${owned}${school.universal}`, { jwt });
      expect([why, status, body.errors?.[0]?.status]).toEqual([why, 401, '401']);
    }
    admin.removeDeveloperKey({ keyId: key.keyId });
    expect((await get(`${owned}${school.universal}`)).status).toBe(401);
    admin.addDeveloperKey({ teamId: key.teamId, keyId: key.keyId, publicKey: key.publicKey });
    expect((await get(`${owned}${school.universal}`)).status).toBe(200);
  });

  it('F8 a key may come as an option; without the check any bearer will do', async () => {
    const { key } = await catalogBench();
    const { privateKey: _, ...known } = key;
    expect((await bench({ developerKeys: [known] })).admin.developerKeys()).toEqual([known]);
    const open = await catalogBench({ catalogDeveloperToken: 'ignored' });
    expect((await open.get(`${owned}${school.universal}`, { jwt: null })).status).toBe(200);
  });
});

describe('F8 the catalog: content token', () => {
  it('F8 403 with code 40300 for a missing or bad cookie, or no ids', async () => {
    const { get, admin } = await catalogBench();
    const inner = admin.tokens().find((token) => token.name === 'own')!.innerToken;
    for (const cookie of [null, inner, admin.tokenFile('expired'), admin.tokenFile('revoked')]) {
      expect(await get(`${owned}${school.universal}`, { cookie })).toMatchObject({
        status: 403,
        body: { errors: [{ code: '40300' }] },
      });
    }
    expect(await get(owned)).toMatchObject({ status: 403, body: { errors: [{ code: '40300' }] } });
  });

  it('F8 owned custom and withdrawn apps with the cookie, none without it', async () => {
    const { ids } = await catalogBench();
    const wanted = [school.customApp, school.withdrawn, school.universal].join(',');
    expect(await ids(`${owned}${wanted}`)).toEqual(wanted.split(','));
    expect(await ids(`us/apps?platform=iphone&ids=${wanted}`, { cookie: null })).toEqual([school.universal]);
  });

  it('F8 a token of another library opens only what that one owns', async () => {
    const { ids, admin } = await catalogBench();
    expect(await ids(`${owned}${school.customApp}`, { cookie: admin.tokenFile('district') })).toEqual([]);
  });
});

describe('F8 the catalog: items', () => {
  it('F8 platform attributes for each platform, an artwork template, a blank before the version', async () => {
    const { get } = await catalogBench();
    const [app] = (await get(`${owned}${school.universal}`)).body.data!;
    expect(app).toMatchObject({
      id: school.universal,
      type: 'apps',
      href: `/v1/catalog/us/apps/${school.universal}`,
      attributes: {
        name: 'Orbit Classroom',
        deviceFamilies: ['iphone', 'ipad', 'mac', 'tvos'],
        isB2BCustomApp: false,
        platformAttributes: {
          ios: {
            bundleId: 'example.invented.orbitclassroom',
            externalVersionId: expect.any(Number),
            artwork: { url: expect.stringContaining('{w}x{h}bb.{f}') },
            latestVersionInfo: { versionDisplay: expect.stringMatching(/^ \d/) },
          },
          osx: { bundleId: 'example.invented.orbitclassroom.mac' },
          appletvos: { bundleId: 'example.invented.orbitclassroom.tv' },
        },
      },
    });
    const flat = await catalogBench({ catalogAttributes: 'flat' });
    const [other] = (await flat.get(`${owned}${school.universal}`)).body.data!;
    expect(other!.attributes).toMatchObject({ bundleId: 'example.invented.orbitclassroom', name: 'Orbit Classroom' });
    expect(other!.attributes).not.toHaveProperty('platformAttributes');
  });

  it('F8 missing ids are absent, also those of another storefront; books are books', async () => {
    const { ids } = await catalogBench();
    expect(await ids(`${owned}1,${school.germanOnly},${school.universal},${school.book}`)).toEqual([school.universal]);
    expect(await ids(`${owned}1`)).toEqual([]);
    expect(await ids(`${owned.replace('us/', 'de/')}${school.germanOnly}`)).toEqual([school.germanOnly]);
    expect(await ids(`us/stoken-authenticated-books?platform=iphone&ids=${school.book},${school.universal}`)).toEqual([
      school.book,
    ]);
    expect(await ids(`us/books?platform=iphone&ids=${school.book}`)).toEqual([school.book]);
  });

  it('F8 a single one, or 404 without data', async () => {
    const { get } = await catalogBench();
    expect((await get(`us/apps/${school.universal}?platform=iphone`)).body.data).toMatchObject([
      { id: school.universal },
    ]);
    const missing = await get('us/apps/1?platform=iphone');
    expect(missing.status).toBe(404);
    expect(missing.body).not.toHaveProperty('data');
    expect(missing.body.errors).toMatchObject([{ status: '404' }]);
  });

  it('F8 a platform is required; so many ids and no more', async () => {
    const { get, admin } = await catalogBench();
    expect((await get(`us/apps?ids=${school.universal}`)).status).toBe(400);
    expect((await get('us/apps?platform=iphone')).status).toBe(400);
    const list = (count: number) => serials(count, '7').join(',');
    expect((await get(`us/apps?platform=iphone&ids=${list(100)}`)).status).toBe(200);
    expect((await get(`us/apps?platform=iphone&ids=${list(101)}`)).status).toBe(400);
    expect((await get(`us/books?platform=iphone&ids=${list(150)}`)).status).toBe(200);
    expect((await get(`us/books?platform=iphone&ids=${list(151)}`)).status).toBe(400);
    expect((await get(`${owned}${list(300)}`)).status).toBe(200);
    admin.setOptions({ stokenIdsMax: 100 });
    expect((await get(`${owned}${list(101)}`)).status).toBe(400);
  });

  it('F8 429 with and without Retry-After, and ordered errors in the form of the catalog', async () => {
    const { get, admin } = await catalogBench({ catalogPerSecond: 1 });
    expect((await get(`${owned}${school.universal}`)).status).toBe(200);
    const refused = await get(`${owned}${school.universal}`);
    expect(refused).toMatchObject({ status: 429, body: { errors: [{ status: '429' }] } });
    expect(refused.headers.get('retry-after')).toBeNull();
    admin.setOptions({ retryAfterOn429: 9 });
    expect((await get(`${owned}${school.universal}`)).headers.get('retry-after')).toBe('9');
    admin.faults.add({
      match: { operation: 'readCatalog' },
      fault: { kind: 'error', errorNumber: 50300, status: 503, retryAfter: 4 },
    });
    expect(await get(`${owned}${school.universal}`)).toMatchObject({
      status: 503,
      body: { errors: [{ code: '50300' }] },
    });
  });

  it('F8 a new version shows at once', async () => {
    const { get, admin } = await catalogBench();
    admin.setMetadata({ adamId: school.exactly300, variant: { version: '9.9' } });
    const [app] = (await get(`${owned}${school.exactly300}`)).body.data!;
    expect(app!.attributes.platformAttributes!.ios).toMatchObject({ latestVersionInfo: { versionDisplay: ' 9.9' } });
  });
});

describe('F8 the public store lookup', () => {
  const lookup = async (query: string, options: OptionsPatch = {}) => {
    const tools = await bench(options);
    const response = await fetch(`${tools.url}/lookup?${query}`);
    const body = (await response.json()) as { resultCount: number; results: Record<string, unknown>[] };
    return { ...tools, status: response.status, body };
  };

  it('F8 many ids, numbers as trackId, no custom and no withdrawn app', async () => {
    const { body } = await lookup(
      `id=${school.universal},${school.customApp},${school.withdrawn},1,${school.book}&country=us`,
    );
    expect(body.resultCount).toBe(2);
    expect(body.results).toMatchObject([
      {
        trackId: Number(school.universal),
        trackName: 'Orbit Classroom',
        bundleId: 'example.invented.orbitclassroom',
        kind: 'software',
        supportedDevices: expect.arrayContaining([expect.stringContaining('iPad')]),
        artworkUrl512: expect.stringContaining('512x512bb.png'),
      },
      { trackId: Number(school.book), kind: 'ebook' },
    ]);
  });

  it('F8 a country and an entity choose', async () => {
    expect((await lookup(`id=${school.germanOnly}`)).body.resultCount).toBe(0);
    expect((await lookup(`id=${school.germanOnly}&country=DE`)).body.resultCount).toBe(1);
    const mac = await lookup(`id=${school.universal},${school.ipadOnly}&entity=macSoftware`);
    expect(mac.body.results).toMatchObject([{ kind: 'mac-software', bundleId: 'example.invented.orbitclassroom.mac' }]);
    expect((await lookup(`id=${plainApps.join(',')}&limit=3`)).body.resultCount).toBe(3);
  });

  it('F8 about twenty calls a minute', async () => {
    const { url, clock } = await lookup('id=1', { enforceRate: true });
    const status = async () => (await fetch(`${url}/lookup?id=1`)).status;
    for (let call = 0; call < 19; call++) expect(await status()).toBe(200);
    expect(await status()).toBe(403);
    await clock.advance(60_001);
    expect(await status()).toBe(200);
  });
});

it('F8 the keys of developers survive a reset only as options', async () => {
  const { admin } = await catalogBench();
  expect(admin.developerKeys()).toHaveLength(1);
  admin.reset();
  expect(admin.developerKeys()).toEqual([]);
});
