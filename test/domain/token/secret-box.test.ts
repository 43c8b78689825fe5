import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createSecretBox } from '../../../src/domain/token/secret-box.ts';

const key = (id: string) => ({ id, bytes: randomBytes(32) });

test('S10 what was sealed opens with its key and in its row, and shows nothing of the secret', async () => {
  const box = createSecretBox([key('a')]);
  const { jwe, keyId } = await box.seal('very secret text', 'token:1');
  expect(keyId).toBe('a');
  expect(await box.open(jwe, 'token:1')).toBe('very secret text');
  expect(Buffer.from(jwe, 'base64url').toString('latin1')).not.toContain('secret text');
  expect((await box.seal('very secret text', 'token:1')).jwe).not.toBe(jwe);
});

test('S10 another row, another key, a missing key and a changed text do not open', async () => {
  const first = key('a');
  const box = createSecretBox([first]);
  const { jwe } = await box.seal('very secret text', 'token:1');
  await expect(box.open(jwe, 'token:2')).rejects.toThrow('does not belong');
  await expect(createSecretBox([key('a')]).open(jwe, 'token:1')).rejects.toThrow();
  await expect(createSecretBox([key('b')]).open(jwe, 'token:1')).rejects.toThrow('"a" is not configured');
  const parts = jwe.split('.');
  parts[3] = `${parts[3]![0] === 'A' ? 'B' : 'A'}${parts[3]!.slice(1)}`;
  await expect(box.open(parts.join('.'), 'token:1')).rejects.toThrow();
  // A header that was rewritten for the other row no longer fits its tag.
  const header = Buffer.from(JSON.stringify({ alg: 'dir', enc: 'A256GCM', kid: 'a', row: 'token:2' }));
  const moved = [header.toString('base64url'), ...jwe.split('.').slice(1)].join('.');
  await expect(box.open(moved, 'token:2')).rejects.toThrow();
});

test('S10 the first key writes and all read; a new key in front leaves marks and fingerprint as they were', async () => {
  const [older, newer] = [key('old'), key('new')];
  const before = createSecretBox([older]);
  const after = createSecretBox([newer, older]);
  const sealed = await before.seal('text', 'row');
  expect(await after.open(sealed.jwe, 'row')).toBe('text');
  expect((await after.seal('text', 'row')).keyId).toBe('new');
  expect([after.mark('file'), after.fingerprint]).toEqual([before.mark('file'), before.fingerprint]);
  expect(before.mark('file')).not.toBe(createSecretBox([key('old')]).mark('file'));
});

test('S10 keys of another length, or none, are refused', () => {
  expect(() => createSecretBox([])).toThrow(RangeError);
  expect(() => createSecretBox([{ id: 'short', bytes: randomBytes(16) }])).toThrow('32 bytes');
});
