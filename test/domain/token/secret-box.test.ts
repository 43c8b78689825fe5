import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createKeyRing, keyIdOf } from '../../../src/domain/token/key-ring.ts';
import { createSecretBox } from '../../../src/domain/token/secret-box.ts';

const key = (id: string) => ({ id, bytes: randomBytes(32) });

test('S10 what was sealed opens with its key and in its row, and shows nothing of the secret', async () => {
  const ring = createKeyRing([key('a')]);
  const { jwe, keyId } = await ring.seal('very secret text', 'token:1');
  expect([keyId, keyIdOf(jwe)]).toEqual(['a', 'a']);
  expect(await ring.open(jwe, 'token:1')).toBe('very secret text');
  expect(Buffer.from(jwe, 'base64url').toString('latin1')).not.toContain('secret text');
  expect((await ring.seal('very secret text', 'token:1')).jwe).not.toBe(jwe);
});

test('S10 another row, another key, a missing key and a changed text do not open', async () => {
  const ring = createKeyRing([key('a')]);
  const { jwe } = await ring.seal('very secret text', 'token:1');
  await expect(ring.open(jwe, 'token:2')).rejects.toThrow('does not belong');
  await expect(createKeyRing([key('a')]).open(jwe, 'token:1')).rejects.toThrow();
  await expect(createKeyRing([key('b')]).open(jwe, 'token:1')).rejects.toThrow('"a" is not configured');
  const parts = jwe.split('.');
  parts[3] = `${parts[3]![0] === 'A' ? 'B' : 'A'}${parts[3]!.slice(1)}`;
  await expect(ring.open(parts.join('.'), 'token:1')).rejects.toThrow();
  // A header that was rewritten for the other row no longer fits its tag.
  const header = Buffer.from(JSON.stringify({ alg: 'dir', enc: 'A256GCM', kid: 'a', row: 'token:2' }));
  const moved = [header.toString('base64url'), ...jwe.split('.').slice(1)].join('.');
  await expect(ring.open(moved, 'token:2')).rejects.toThrow();
});

test('§4.2 the first key writes and all read; marks outlive every key and belong to one installation', async () => {
  const [older, newer] = [key('old'), key('new')];
  const installation = randomBytes(32);
  const before = createSecretBox(createKeyRing([older]), installation);
  const after = createSecretBox(createKeyRing([newer, older]), installation);
  const sealed = await before.seal('text', 'row');
  expect(await after.open(sealed.jwe, 'row')).toBe('text');
  expect((await after.seal('text', 'row')).keyId).toBe('new');
  const alone = createSecretBox(createKeyRing([newer]), installation);
  expect(alone.mark('file')).toBe(before.mark('file'));
  expect(alone.mark('file')).not.toBe(alone.mark('another file'));
  expect(createSecretBox(createKeyRing([older]), randomBytes(32)).mark('file')).not.toBe(before.mark('file'));
});

test('S10 keys of another length, or none, are refused', () => {
  expect(() => createKeyRing([])).toThrow(RangeError);
  expect(() => createKeyRing([{ id: 'short', bytes: randomBytes(16) }])).toThrow('32 bytes');
});
