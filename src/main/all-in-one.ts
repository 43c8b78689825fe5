/** `npm start`: a sandbox with everything it needs, as one command. @module */
import { fileURLToPath } from 'node:url';
import { prepareSandbox } from './sandbox.ts';
import { stopOnSignals } from './supervisor/signals.ts';
import { Supervisor } from './supervisor/supervisor.ts';
import { terminalLogger } from './supervisor/terminal-logger.ts';

const { env } = process;
const logLevel = env.LOG_LEVEL ?? 'info';
const print = (text: string) => console.log(text);

const supervisor = new Supervisor(
  {
    dataDirectory: env.RUSSET_DATA ?? '.data',
    migrations: pathOf('../../prisma/migrations'),
    host: env.HOST ?? '127.0.0.1',
    port: Number(env.PORT ?? 4000),
    databaseUrl: env.DATABASE_URL,
    postgresPort: 15_432,
    simulatorPort: 14_000,
    logLevel,
  },
  {
    programs: {
      simulator: pathOf('../simulator/main.js'),
      worker: pathOf('./worker.js'),
      api: pathOf('./api.js'),
    },
    prepareSandbox,
    logger: terminalLogger('start', print),
    print,
  },
);

stopOnSignals(supervisor, print);
process.exitCode = await supervisor.run();
if (process.exitCode === 0) print('Stopped.');

function pathOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}
