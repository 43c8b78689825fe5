import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { ConfigError, readConfig } from '../../src/main/config.ts';

const common = {
  DATABASE_URL: 'postgresql://user:password@127.0.0.1:5432/russet',
  ENCRYPTION_KEYS: `one:${randomBytes(32).toString('base64')}`,
  RUSSET_FAILPOINT: 'before-call:2',
};

test('F12 a process ends itself on purpose in the sandbox only: production refuses to start with a failpoint', () => {
  const sandbox = readConfig({ ...common, RUSSET_MODE: 'sandbox', APPLE_BASE_URL: 'http://127.0.0.1:14000/mdm/v2' });
  expect(sandbox.failpoint).toEqual({ point: 'before-call', hits: 2 });
  expect(() => readConfig({ ...common, RUSSET_MODE: 'production' })).toThrow(ConfigError);
  expect(() => readConfig({ ...common, RUSSET_MODE: 'production' })).toThrow(
    'RUSSET_FAILPOINT ends processes on purpose',
  );
});
