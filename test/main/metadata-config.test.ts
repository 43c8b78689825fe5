import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readConfig } from '../../src/main/config.ts';

const production = {
  RUSSET_MODE: 'production',
  DATABASE_URL: 'postgresql://russet@127.0.0.1/russet',
  ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}`,
};
const sandbox = { ...production, RUSSET_MODE: 'sandbox', APPLE_BASE_URL: 'http://127.0.0.1:9501/mdm/v2' };
const folder = mkdtempSync(join(tmpdir(), 'russet-key-'));

function keyFile(text: string): string {
  const path = join(folder, randomBytes(4).toString('hex'));
  writeFileSync(path, text);
  return path;
}

test('S13 metadata comes from the legacy lookup unless another source is chosen', () => {
  expect(readConfig(production).metadata).toEqual({ source: 'legacy', url: undefined });
  expect(readConfig({ ...production, METADATA_SOURCE: 'public' }).metadata).toEqual({
    source: 'public',
    url: undefined,
  });
});

test('S13 the catalog needs its key, and every part that is missing is named', () => {
  const chosen = { ...production, METADATA_SOURCE: 'organization' };
  expect(() => readConfig(chosen)).toThrow(/APPLE_TEAM_ID, APPLE_KEY_ID and APPLE_KEY_FILE/);
  const named = { ...chosen, APPLE_TEAM_ID: 'TEAM000001', APPLE_KEY_ID: 'KEY0000001' };
  expect(() => readConfig({ ...named, APPLE_TEAM_ID: 'team' })).toThrow(/APPLE_TEAM_ID must be ten capital letters/);
  expect(() => readConfig({ ...named, APPLE_KEY_FILE: join(folder, 'none') })).toThrow(/APPLE_KEY_FILE can't be read/);
  expect(() => readConfig({ ...named, APPLE_KEY_FILE: keyFile('no key') })).toThrow(/PKCS #8 in PEM/);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const privatePem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  expect(readConfig({ ...named, APPLE_KEY_FILE: keyFile(privatePem) }).metadata).toEqual({
    source: 'organization',
    url: undefined,
    key: { teamId: 'TEAM000001', keyId: 'KEY0000001', privateKey: privatePem },
  });
});

test('S13 the sandbox asks nobody outside, and production asks over https', () => {
  const outside = /METADATA_URL must be on this machine/;
  expect(() => readConfig({ ...sandbox, METADATA_SOURCE: 'public' })).toThrow(outside);
  expect(() => readConfig({ ...sandbox, METADATA_URL: 'https://itunes.apple.com/lookup' })).toThrow(outside);
  expect(
    readConfig({ ...sandbox, METADATA_SOURCE: 'public', METADATA_URL: 'http://127.0.0.1:1/lookup' }).metadata.source,
  ).toBe('public');
  expect(() => readConfig({ ...production, METADATA_URL: 'http://proxy.example/lookup' })).toThrow(
    /METADATA_URL must begin with https/,
  );
});
