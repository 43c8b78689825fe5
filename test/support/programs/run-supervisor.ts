/** `npm start` with stand-ins for its programs: run-supervisor.ts <data folder> <port> */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PrepareSandbox } from '../../../src/main/supervisor/options.ts';
import { stopOnSignals } from '../../../src/main/supervisor/signals.ts';
import { Supervisor } from '../../../src/main/supervisor/supervisor.ts';
import { terminalLogger } from '../../../src/main/supervisor/terminal-logger.ts';

const [dataDirectory = '', port] = process.argv.slice(2);
const fake = (name: string) => new URL(`./fake-${name}.ts`, import.meta.url).pathname;
const print = (text: string) => console.log(text);

const prepareSandbox: PrepareSandbox = async ({ dataDirectory: data }) => {
  const marker = join(data, 'prepared');
  const created = !existsSync(marker);
  writeFileSync(marker, '');
  const environment = { ENCRYPTION_KEYS_FILE: 'keys' };
  return { apiKey: 'key-for-tests', created, tokenFile: join(data, 'sandbox.vpptoken'), environment };
};

const supervisor = new Supervisor(
  {
    ...{ dataDirectory, migrations: 'prisma/migrations', host: '127.0.0.1', port: Number(port) },
    ...{ postgresPort: 25_432, simulatorPort: 24_000, logLevel: 'info' },
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
