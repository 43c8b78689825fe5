import { expect, test } from 'vitest';
import { createPublicLookup, publicLookupPace } from '../../../src/apple/metadata/public-lookup.ts';
import { createVirtualClock } from '../../../src/lib/clock.ts';
import { type Answer, type Asked, credential, start, startApple } from '../support.ts';

const notes = {
  trackId: 111,
  trackName: 'Notes Plus',
  bundleId: 'com.example.notes',
  artistName: 'Example',
  version: '4.2',
  minimumOsVersion: '17.0',
  kind: 'software',
  artworkUrl512: 'https://img.example/i/512x512bb.jpg',
  supportedDevices: ['iPhone15-iPhone15', 'iPadPro-iPadPro'],
  price: 1.5,
  formattedPrice: '1,50 €',
  currency: 'EUR',
  trackViewUrl: 'https://apps.example/notes',
};

async function lookupAt(answer: (asked: Asked) => Answer, fallbacks: string[] = []) {
  const { url, asked } = await startApple(answer);
  const clock = createVirtualClock(start);
  const source = createPublicLookup({ url: `${url}/lookup`, clock, fallbacks, timeout: 2000 });
  const lookup = (...adamIds: string[]) =>
    source.lookup({ adamIds, storefront: 'FR', accountType: 'BUSINESS', credential });
  return { asked, clock, lookup };
}

test('S13 the public lookup asks for many ids at once, in the storefront, and never sends the token', async () => {
  const { asked, lookup } = await lookupAt(() => ({ json: { resultCount: 1, results: [notes] } }));
  expect(await lookup('111', '222')).toEqual([
    {
      adamId: '111',
      platform: 'ios',
      name: 'Notes Plus',
      bundleId: 'com.example.notes',
      iconTemplate: 'https://img.example/i/{w}x{h}bb.{f}',
      version: '4.2',
      externalVersionId: null,
      minimumOsVersion: '17.0',
      deviceFamilies: ['iphone', 'ipad'],
      artistName: 'Example',
      price: 1.5,
      priceFormatted: '1,50 €',
      currency: 'EUR',
      storeUrl: 'https://apps.example/notes',
      customApp: false,
    },
  ]);
  expect(asked.map(({ query }) => query)).toEqual([{ id: '111,222', country: 'fr', limit: '200' }]);
  expect(JSON.stringify(asked)).not.toContain(credential);
});

test.each([
  ['mac-software', undefined, 'osx'],
  ['software', ['AppleTV-AppleTV'], 'appletvos'],
  ['software', ['AppleTV-AppleTV', 'iPhone15-iPhone15'], 'ios'],
  ['ebook', undefined, 'ios'],
])('kind %s for %j is of platform %s', async (kind, supportedDevices, platform) => {
  const { lookup } = await lookupAt(() => ({ json: { results: [{ ...notes, kind, supportedDevices }] } }));
  expect((await lookup('111')).map((variant) => variant.platform)).toEqual([platform]);
});

test('an id that nobody asked for is left out', async () => {
  const { lookup } = await lookupAt(() => ({ json: { results: [{ ...notes, trackId: 999 }] } }));
  expect(await lookup('111')).toEqual([]);
});

test('calls come one after the other, no faster than 20 a minute', async () => {
  const { asked, clock, lookup } = await lookupAt(({ query }) => ({
    json: { results: query.id?.startsWith('1') ? [] : [{ ...notes, trackId: Number(query.id) }] },
  }));
  const ids = Array.from({ length: 250 }, (_, n) => String(1_000 + n));
  const done = lookup(...ids);
  await expect.poll(() => asked.length).toBe(1);
  for (const calls of [2, 3]) {
    await clock.advance(publicLookupPace - 1);
    expect(asked.length).toBe(calls - 1);
    await clock.advance(1);
    await expect.poll(() => asked.length).toBe(calls);
  }
  expect(await done).toEqual([]);
  expect(asked.map(({ query }) => query.id?.split(',').length)).toEqual([100, 100, 50]);
});
