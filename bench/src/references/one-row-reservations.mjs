/** Reservations the naive way: for each seat a conditional update of its pool and an insert, in a transaction of their own. @module */
import pg from 'pg';

const insert = {
  name: 'insert',
  text: `INSERT INTO license (organization_id, pool_id, token_id, app_id, adam_id, pricing_param, serial_number, device_id, state, source, started_at, changed_at)
    SELECT p.organization_id, p.id, p.token_id, p.app_id, p.adam_id, p.pricing_param, d.serial_number, d.id, 'REQUESTED', 'RUSSET', now(), now()
    FROM license_pool p, device d WHERE p.organization_id = $1 AND p.id = $2 AND d.organization_id = $1 AND d.id = $3`,
};
const take = {
  name: 'take',
  text: `UPDATE license_pool SET reserved = reserved + 1
    WHERE organization_id = $1 AND id = $2 AND (unlimited OR total - held - reserved >= 1)`,
};

/**
 * @param {string} databaseUrl
 * @param {{ organizationId: string, poolIds: string[], deviceIds: string[] }} wish
 * @returns {Promise<number>} seats a second
 */
export async function reserveOneByOne(databaseUrl, { organizationId, poolIds, deviceIds }) {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const began = performance.now();
  for (const poolId of poolIds) {
    for (const deviceId of deviceIds) {
      await client.query('BEGIN');
      const { rowCount } = await client.query({ ...take, values: [organizationId, poolId] });
      if (rowCount !== 1) throw new Error(`pool ${poolId} has no free seat`);
      await client.query({ ...insert, values: [organizationId, poolId, deviceId] });
      await client.query('COMMIT');
    }
  }
  const seconds = (performance.now() - began) / 1000;
  await client.end();
  return (poolIds.length * deviceIds.length) / seconds;
}
