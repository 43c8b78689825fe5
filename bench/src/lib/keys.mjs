/** Many API keys. @module */
import { hashSecretKey, newSecretKey } from '../../../dist/domain/access/secret-key.js';
import { withClient } from './postgres.mjs';

/**
 * Adds keys that are like the one there is.
 * @param {string} databaseUrl @param {number} count
 * @returns {Promise<string[]>}
 */
export async function addKeys(databaseUrl, count) {
  const keys = Array.from({ length: count }, () => newSecretKey());
  await withClient(databaseUrl, (client) =>
    client.query(
      `INSERT INTO api_key (organization_id, name, role, scopes, hash, created_at, expires_at, last_used_at)
       SELECT k.organization_id, 'bench', k.role, k.scopes, h.hash, k.created_at, k.expires_at, now()
       FROM api_key k CROSS JOIN unnest($1::text[]) AS h(hash)`,
      [keys.map((key) => hashSecretKey(key))],
    ),
  );
  return keys;
}
