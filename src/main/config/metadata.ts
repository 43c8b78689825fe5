/** Reads where names, icons and versions come from. @module */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { DeveloperKey } from '../../apple/metadata/developer-token.ts';
import { type Environment, readFields } from './fields.ts';

/** The chosen source; `url` stands in for Apple's own address. */
export type MetadataConfig =
  | { source: 'legacy'; url: string | undefined }
  | { source: 'public'; url: string | undefined }
  | { source: 'organization'; url: string | undefined; key: DeveloperKey };

const tenCharacters = z
  .string()
  .regex(/^[A-Z0-9]{10}$/, 'must be ten capital letters and digits')
  .optional();

const fields = z.object({
  METADATA_SOURCE: z.enum(['legacy', 'public', 'organization']).default('legacy'),
  METADATA_URL: z.url('must be an address').optional(),
  APPLE_TEAM_ID: tenCharacters,
  APPLE_KEY_ID: tenCharacters,
  APPLE_KEY_FILE: z.string().optional(),
});

/** What of it is wrong goes to `problems`. */
export function readMetadata(env: Environment, problems: string[]): MetadataConfig {
  const legacy = { source: 'legacy', url: undefined } as const;
  const values = readFields(fields, env, problems);
  if (!values) return legacy;
  const { METADATA_SOURCE: source, METADATA_URL: url } = values;
  if (source !== 'organization') return { source, url };
  const key = readKey(values, problems);
  return key ? { source, url, key } : legacy;
}

function readKey(values: z.output<typeof fields>, problems: string[]): DeveloperKey | undefined {
  const { APPLE_TEAM_ID: teamId, APPLE_KEY_ID: keyId, APPLE_KEY_FILE: path } = values;
  if (!teamId || !keyId || !path) {
    problems.push('METADATA_SOURCE=organization needs APPLE_TEAM_ID, APPLE_KEY_ID and APPLE_KEY_FILE');
    return undefined;
  }
  try {
    const privateKey = readFileSync(path, 'utf8');
    if (/^-----BEGIN PRIVATE KEY-----/m.test(privateKey)) return { teamId, keyId, privateKey };
    problems.push('APPLE_KEY_FILE must hold the key as Apple gives it out: PKCS #8 in PEM');
  } catch {
    problems.push(`APPLE_KEY_FILE can't be read: ${path}`);
  }
  return undefined;
}
