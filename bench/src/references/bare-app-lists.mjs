/** Lists of apps as one would keep them by hand: every row is written, changed or not, and nothing else is done. @module */
import pg from 'pg';

const statement = `
  INSERT INTO reference_installed AS i (organization_id, device_id, bundle_id, name, version, short_version, external_version_id, installing, changed_at)
  SELECT $1, *, false, now() FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
  ON CONFLICT (organization_id, device_id, bundle_id) DO UPDATE SET name = excluded.name, version = excluded.version,
    short_version = excluded.short_version, external_version_id = excluded.external_version_id, changed_at = excluded.changed_at`;

/**
 * Writes the same lists into a plain table with the columns and indexes of Russet's, twice: once all rows are new, once
 * none has changed. Gives rows a second.
 * @param {string} databaseUrl @param {bigint} organizationId
 * @param {import('../../../dist/domain/inventory/merge.js').ToldApps[][]} blocks
 * @returns {Promise<{ first: number, unchanged: number }>}
 */
export async function measureBareLists(databaseUrl, organizationId, blocks) {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('DROP TABLE IF EXISTS reference_installed');
    await client.query(
      'CREATE TABLE reference_installed (LIKE installed_app INCLUDING DEFAULTS INCLUDING INDEXES INCLUDING CONSTRAINTS)',
    );
    const pass = async () => {
      const began = performance.now();
      let written = 0;
      for (const block of blocks) {
        const rows = block.flatMap(({ deviceId, apps }) => apps.map((app) => ({ deviceId, ...app })));
        await client.query({
          name: 'upsert',
          text: statement,
          values: [
            String(organizationId),
            rows.map((row) => String(row.deviceId)),
            ...[rows.map((row) => row.bundleId), rows.map((row) => row.name), rows.map((row) => row.version)],
            ...[rows.map((row) => row.shortVersion), rows.map((row) => row.externalVersionId)],
          ],
        });
        written += rows.length;
      }
      return written / ((performance.now() - began) / 1_000);
    };
    return { first: await pass(), unchanged: await pass() };
  } finally {
    await client.end();
  }
}
