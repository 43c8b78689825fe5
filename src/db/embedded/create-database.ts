import { Client, escapeIdentifier } from 'pg';

/** Makes database `name` when there is none of that name. `adminUrl` is any other database of the server. */
export async function createDatabase(adminUrl: string, name: string): Promise<{ created: boolean }> {
  const client = new Client({ connectionString: adminUrl });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (rowCount) return { created: false };
    await client.query(`CREATE DATABASE ${escapeIdentifier(name)}`);
    return { created: true };
  } finally {
    await client.end();
  }
}
