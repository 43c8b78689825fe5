/** Starts an embedded PostgreSQL, tells its parent about it, and waits to be killed. */
import { startEmbeddedPostgres } from '../../../dist/db/embedded/start.js';
import { silentLogger } from '../../../dist/lib/logger.js';

const [dataDirectory = '', durable] = process.argv.slice(2);
const postgres = await startEmbeddedPostgres({ dataDirectory, durable: durable === 'durable', logger: silentLogger });
process.send?.({ home: postgres.home, adminUrl: postgres.adminUrl });
setInterval(() => {}, 60_000);
