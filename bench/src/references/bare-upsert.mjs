/** The bare upsert: what PostgreSQL takes when somebody sends it the licenses and does nothing else. @module */
import pg from 'pg';

/** Rows in one statement. */
const block = 10_000;
const columns = [
  ['organization_id', 'bigint'],
  ['pool_id', 'bigint'],
  ['token_id', 'bigint'],
  ['app_id', 'bigint'],
  ['adam_id', 'text'],
  ['pricing_param', 'text'],
  ['serial_number', 'text'],
  ['device_id', 'bigint'],
  ['state', 'text'],
  ['source', 'text'],
  ['opening', 'boolean'],
];
const names = columns.map(([name]) => name).join(', ');

/**
 * Upserts the licenses that Russet has into a plain table of its columns and indexes, once when all rows are new and
 * once when nothing has changed. Reading them is not counted.
 * @param {string} databaseUrl
 * @returns {Promise<{ added: number, unchanged: number }>} rows a second
 */
export async function measureBareUpsert(databaseUrl) {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('DROP TABLE IF EXISTS reference_license');
    await client.query(
      'CREATE TABLE reference_license (LIKE license INCLUDING DEFAULTS INCLUDING INDEXES INCLUDING CONSTRAINTS)',
    );
    return { added: await upsertAll(client), unchanged: await upsertAll(client) };
  } finally {
    await client.end();
  }
}

/** @param {pg.Client} client */
async function upsertAll(client) {
  await client.query('CHECKPOINT');
  let rows = 0;
  let milliseconds = 0;
  for (let after = '0'; ; ) {
    const found = await client.query(
      `SELECT id, ${names} FROM license WHERE serial_number IS NOT NULL AND ended_at IS NULL AND id > $1 ORDER BY id LIMIT ${block}`,
      [after],
    );
    if (found.rowCount === 0) return (rows / milliseconds) * 1000;
    after = found.rows.at(-1).id;
    const values = columns.map(([name]) => found.rows.map((row) => row[name]));
    const began = performance.now();
    await client.query(upsert, values);
    milliseconds += performance.now() - began;
    rows += found.rows.length;
  }
}

const cast = (/** @type {string} */ name) =>
  name === 'state' ? 'state::"LicenseState"' : name === 'source' ? 'source::"LicenseSource"' : name;

const upsert = `
  INSERT INTO reference_license AS l (${names}, started_at, changed_at)
  SELECT ${columns.map(([name]) => cast(name)).join(', ')}, now(), now()
  FROM unnest(${columns.map(([, type], index) => `$${index + 1}::${type}[]`).join(', ')}) AS r(${names})
  ON CONFLICT (organization_id, pool_id, serial_number) WHERE ended_at IS NULL AND serial_number IS NOT NULL
  DO UPDATE SET state = excluded.state, device_id = excluded.device_id, changed_at = excluded.changed_at
  WHERE (l.state, l.device_id) IS DISTINCT FROM (excluded.state, excluded.device_id)`;
