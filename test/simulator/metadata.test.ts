import { describe, expect, it } from 'vitest';
import { school, schoolUnits } from '../../src/simulator/index.ts';
import { bench } from './support.ts';

interface Lookup {
  isAuthenticated: boolean;
  meta: { storefront: { id: string; cc: string } };
  results: Record<string, Record<string, unknown>>;
}

async function lookup(settings: Parameters<typeof bench>[0] = {}) {
  const tools = await bench(settings);
  const ask = async (query: Record<string, string>, cookie?: string): Promise<Lookup> => {
    const asked = {
      version: '2',
      p: 'mdm-lockup',
      caller: 'MDM',
      platform: 'volumestore',
      cc: 'us',
      l: 'en',
      ...query,
    };
    const path = '/WebObjects/MZStorePlatform.woa/wa/lookup';
    const headers = cookie === undefined ? undefined : { cookie: `itvt=${cookie}` };
    const response = await fetch(`${tools.url}${path}?${new URLSearchParams(asked)}`, { headers });
    return (await response.json()) as Lookup;
  };
  return { ...tools, ask };
}

describe('F8 legacy lookup', () => {
  it('F8 name, bundle id, version, families, price and artwork of an app on sale', async () => {
    const { ask, url } = await lookup();
    const { isAuthenticated, meta, results } = await ask({ id: school.exactly300 });
    expect(isAuthenticated).toBe(false);
    expect(meta.storefront).toEqual({ id: '143441', cc: 'US' });
    expect(results[school.exactly300]).toMatchObject({
      id: school.exactly300,
      name: 'Lantern Notes',
      bundleId: 'example.invented.lanternnotes',
      kind: 'iosSoftware',
      deviceFamilies: ['iphone', 'ipad'],
      minimumOSVersion: '15.0',
      isB2BCustomApp: false,
      isVppDeviceBasedLicensingEnabled: true,
      artwork: { url: `${url}/icons/${school.exactly300}/{w}x{h}bb.{f}`, width: 1024, height: 1024 },
      offers: [{ type: 'buy', price: 4.99, version: { display: '2.1.1', externalId: 800000010 } }],
    });
  });

  it('F8 the platform chooses the bundle id of a universal app', async () => {
    const { ask } = await lookup();
    const bundleId = async (platform: string) =>
      (await ask({ id: school.universal, platform })).results[school.universal]?.bundleId;
    expect(await bundleId('volumestore')).toBe('example.invented.orbitclassroom');
    expect(await bundleId('mac')).toBe('example.invented.orbitclassroom.mac');
    expect(await bundleId('atv9')).toBe('example.invented.orbitclassroom.tv');
  });

  it.each([school.customApp, school.withdrawn])('F8 %s is seen by its owner only, with the itvt cookie', async (id) => {
    const { ask, admin } = await lookup();
    const seen = async (cookie?: string) => Object.keys((await ask({ id }, cookie)).results);
    expect(await seen()).toEqual([]);
    expect(await seen(admin.tokenFile('own'))).toEqual([id]);
    expect(await seen(encodeURIComponent(admin.tokenFile('own')))).toEqual([id]);
    expect(await seen(admin.tokenFile('read-only'))).toEqual([id]);
    for (const name of ['district', 'expired', 'revoked']) expect(await seen(admin.tokenFile(name))).toEqual([]);
    expect(await seen('garbage')).toEqual([]);
    expect(JSON.stringify(admin.journal())).not.toContain(admin.tokenFile('own').slice(0, 40));
    expect(admin.journal().at(-1)).toMatchObject({ operation: 'contentMetadataLookup', cookie: true });
  });

  it('F8 an app of one storefront is empty in all others', async () => {
    const { ask } = await lookup();
    expect((await ask({ id: school.germanOnly })).results).toEqual({});
    expect((await ask({ id: school.germanOnly, cc: 'de' })).results).toHaveProperty(school.germanOnly);
  });

  it('F8 the misspelled p, another version and an unknown id are empty', async () => {
    const { ask } = await lookup();
    const wrong: Record<string, string>[] = [{ p: 'mdm-lookup' }, { version: '1' }, { id: '77' }, { id: '' }];
    for (const query of wrong) {
      expect((await ask({ id: school.universal, ...query })).results, JSON.stringify(query)).toEqual({});
    }
  });

  it('F8 one id per call, or several by option', async () => {
    const { ask, admin } = await lookup();
    const id = `${school.universal},${school.exactly300}`;
    expect(Object.keys((await ask({ id })).results)).toEqual([school.universal]);
    admin.setOptions({ lookupIds: 'all' });
    expect(Object.keys((await ask({ id })).results).sort()).toEqual([school.exactly300, school.universal]);
  });

  it('F8 artwork as a list by option, and a book without a bundle id', async () => {
    const { ask } = await lookup({ artworkShape: 'list' });
    const { results } = await ask({ id: school.book });
    expect(results[school.book]).toMatchObject({
      kind: 'ebook',
      artwork: [{ width: 60 }, { width: 100 }, { width: 512 }],
    });
    expect(results[school.book]).not.toHaveProperty('bundleId');
  });

  it('F8 a new version shows after setMetadata', async () => {
    const { ask, admin } = await lookup();
    admin.setMetadata({
      adamId: school.universal,
      name: 'Orbit 2',
      variant: { platform: 'iOS', version: '9.0', externalId: 9 },
    });
    expect((await ask({ id: school.universal })).results[school.universal]).toMatchObject({
      name: 'Orbit 2',
      offers: [{ version: { display: '9.0', externalId: 9 } }],
    });
    const onMac = (await ask({ id: school.universal, platform: 'mac' })).results[school.universal];
    expect(onMac).not.toMatchObject({ offers: [{ version: { display: '9.0' } }] });
  });
});

describe('F8 icons', () => {
  it('F8 drawn as PNG and SVG in the size asked for, the same each time', async () => {
    const { url } = await bench();
    const png = await fetch(`${url}/icons/${school.universal}/64x48bb.png`);
    const bytes = Buffer.from(await png.arrayBuffer());
    expect(png.headers.get('content-type')).toBe('image/png');
    expect(bytes.subarray(1, 4).toString()).toBe('PNG');
    expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20)]).toEqual([64, 48]);
    const again = await fetch(`${url}/icons/${school.universal}/64x48bb.png`);
    expect(Buffer.from(await again.arrayBuffer()).equals(bytes)).toBe(true);
    const svg = await (await fetch(`${url}/icons/${school.universal}/512x512bb.svg`)).text();
    expect(svg).toMatch(/^<svg .*width="512".*>OC<\/text><\/svg>$/);
  });

  it('F8 none for an unknown item', async () => {
    const { url } = await bench();
    expect((await fetch(`${url}/icons/77/64x64bb.png`)).status).toBe(404);
  });
});

it('F8 each library of the district names its country', async () => {
  const { ask } = await bench();
  expect((await ask('/client/config', { token: 'business' })).body).toMatchObject({
    countryISO2ACode: 'DE',
    defaultPlatform: 'enterprisestore',
    websiteURL: 'https://business.apple.com',
    uId: schoolUnits.business,
  });
});
