/** What somebody who serves these tables by PostGraphile would add: indexes for its orders, functions for its counts. @module */
import { withClient } from './postgres.mjs';

const statements = [
  // Its name for the condition on `token` is that of one of our enums.
  `COMMENT ON TABLE token IS E'@name library'`,
  `COMMENT ON COLUMN license.ended_at IS E'@behavior +filterBy'`,
  `COMMENT ON COLUMN device.removed_at IS E'@behavior +filterBy'`,
  `COMMENT ON COLUMN device.origin IS E'@behavior +filterBy'`,
  'CREATE INDEX reference_app_by_name ON app (organization_id, name, id)',
  'CREATE INDEX reference_license_of_device ON license (organization_id, device_id, id) WHERE ended_at IS NULL',
  'CREATE TYPE seat_counts AS (total bigint, available bigint, used bigint, pending bigint)',
  `CREATE FUNCTION app_seats(a app) RETURNS seat_counts LANGUAGE sql STABLE AS $$
     SELECT sum(p.total)::bigint, sum(greatest(p.total - p.held - p.reserved, 0))::bigint, sum(p.held + p.reserved)::bigint, sum(p.reserved)::bigint
     FROM license_pool p WHERE p.organization_id = a.organization_id AND p.app_id = a.id $$`,
  'CREATE FUNCTION license_pool_used(p license_pool) RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT p.held + p.reserved $$',
  `CREATE FUNCTION license_pool_available(p license_pool) RETURNS bigint LANGUAGE sql STABLE AS $$
     SELECT greatest(p.total - p.held - p.reserved, 0) $$`,
  'ANALYZE app',
  'ANALYZE license',
];

/** What its documents follow: from a table by a column of ours to another one. */
const relations = [
  ['license', 'app_id', 'app'],
  ['license', 'token_id', 'token'],
  ['license', 'device_id', 'device'],
  ['license_pool', 'app_id', 'app'],
  ['license_pool', 'token_id', 'token'],
];

/** @param {string} databaseUrl */
export function preparePostGraphile(databaseUrl) {
  return withClient(databaseUrl, async (client) => {
    for (const statement of statements) await client.query(statement);
    await describeRelations(client);
  });
}

/** Where no foreign key of the database says so, a smart tag does. @param {import('pg').Client} client */
async function describeRelations(client) {
  /** @type {Map<string, string[]>} */
  const tags = new Map();
  for (const [table, column, other] of relations) {
    const { rowCount } = await client.query(
      `SELECT 1 FROM pg_constraint c WHERE contype = 'f' AND conrelid = $1::regclass AND confrelid = $3::regclass
         AND cardinality(conkey) = 2 AND (SELECT array_agg(attname::text) FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey))
           @> ARRAY['organization_id', $2::text]`,
      [table, column, other],
    );
    const tag = `@foreignKey (organization_id, ${column}) references ${other} (organization_id, id)`;
    if (rowCount === 0) tags.set(table, [...(tags.get(table) ?? []), tag]);
  }
  for (const [table, lines] of tags)
    await client.query(`COMMENT ON TABLE ${table} IS ${client.escapeLiteral(lines.join('\n'))}`);
}
