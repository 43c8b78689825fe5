/** `npm start` as it is built, with stand-ins for its programs: run-supervisor.mjs <data folder> <port>. FAKE_DATABASE is one to use. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stopOnSignals } from '../../../dist/main/supervisor/signals.js';
import { Supervisor } from '../../../dist/main/supervisor/supervisor.js';
import { terminalLogger } from '../../../dist/main/supervisor/terminal-logger.js';

const [dataDirectory = '', port] = process.argv.slice(2);
const fake = (name) => new URL(`./fake-${name}.mjs`, import.meta.url).pathname;
const print = (text) => console.log(text);

const prepareSandbox = async ({ dataDirectory: data }) => {
  const marker = join(data, 'prepared');
  const created = !existsSync(marker);
  writeFileSync(marker, '');
  const environment = { ENCRYPTION_KEYS_FILE: 'keys' };
  return { apiKey: 'key-for-tests', created, tokenFile: join(data, 'sandbox.vpptoken'), environment };
};

const supervisor = new Supervisor(
  {
    ...{ dataDirectory, migrations: 'prisma/migrations', host: '127.0.0.1', port: Number(port) },
    ...{ postgresPort: 25_432, simulatorPort: 24_000, logLevel: 'info', databaseUrl: process.env.FAKE_DATABASE },
  },
  {
    programs: { simulator: fake('simulator'), worker: fake('worker'), api: fake('api') },
    prepareSandbox,
    logger: terminalLogger('start', print),
    print,
  },
);
stopOnSignals(supervisor, print);
process.exitCode = await supervisor.run();
