/** `npm start`: a sandbox with everything it needs, as one command. @module */
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError } from './config/config-error.ts';
import { readStartConfig } from './config/start.ts';
import { migrationsDirectory } from './reach-database.ts';
import { prepareSandbox } from './sandbox.ts';
import { stopOnSignals } from './supervisor/signals.ts';
import { Supervisor } from './supervisor/supervisor.ts';
import { terminalLogger } from './supervisor/terminal-logger.ts';

/** The programs stand beside this one, built or not. */
const extension = extname(fileURLToPath(import.meta.url));
const print = (text: string) => console.log(text);

process.exitCode = await start();
if (process.exitCode === 0) print('Stopped.');

async function start(): Promise<number> {
  const config = readConfigOrExplain();
  if (!config) return 1;
  const options = { ...config, migrations: migrationsDirectory };
  const programs = {
    simulator: pathOf(`../simulator/main${extension}`),
    worker: pathOf(`./worker${extension}`),
    api: pathOf(`./api${extension}`),
  };
  const logger = terminalLogger('start', print);
  const supervisor = new Supervisor(options, { programs, prepareSandbox, logger, print });
  stopOnSignals(supervisor, print);
  return supervisor.run();
}

function readConfigOrExplain() {
  try {
    return readStartConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    print(error.message);
    return undefined;
  }
}

function pathOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}
