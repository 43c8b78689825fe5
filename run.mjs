/**
 * The one door: `node run.mjs start|test|chaos|conformance|demo|bench|build`. It brings a fresh clone, or one that has changed, into shape
 * first: packages, generated code, built JavaScript. Only Node's own modules, because nothing else may be there yet.
 */
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { requireNode } from './scripts/launch/node-version.mjs';
import { prepare, prepareBench } from './scripts/launch/prepare.mjs';
import { failed } from './scripts/launch/progress.mjs';

const root = dirname(fileURLToPath(import.meta.url));
const [command, ...parameters] = process.argv.slice(2);

const commands = {
  start: { help: 'start Russet with everything it needs', run: () => program('dist/main/all-in-one.js') },
  demo: { help: 'show what it does, against a running one', run: () => program('dist/demo/main.js') },
  test: { help: 'run the tests; a path or -t <name> picks some', run: () => vitest('fast') },
  chaos: { help: 'run the long tests with killed processes', run: () => vitest('chaos') },
  conformance: {
    help: 'ask MDM servers what the driver counts on; a real NanoMDM where one can be had',
    run: () => vitest('conformance'),
  },
  bench: {
    help: 'measure it against its references; a name picks some',
    prepare: prepareBench,
    run: () => program('bench/src/main.mjs'),
  },
  build: { help: 'only bring everything into shape', run: () => {} },
};

const chosen = commands[command];
if (chosen) {
  process.chdir(root);
  requireNode(root);
  if ((await prepare(root)) && (!chosen.prepare || (await chosen.prepare(root)))) await chosen.run();
  else process.exitCode = 1;
} else {
  const lines = Object.entries(commands).map(([name, { help }]) => `  node run.mjs ${name.padEnd(11)}  ${help}`);
  console.log(['Usage:', ...lines].join('\n'));
  process.exitCode = command ? 1 : 0;
}

/** Goes on as one of our programs, in this very process: signals and exit code are its own. */
async function program(file) {
  const path = join(root, file);
  process.argv = [process.execPath, path, ...parameters];
  process.setSourceMapsEnabled(true);
  await import(pathToFileURL(path).href);
}

function vitest(tier) {
  const entry = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const child = spawn(process.execPath, [entry, 'run', ...parameters], {
    stdio: 'inherit',
    env: { ...process.env, TEST_TIER: tier },
  });
  // In a terminal Ctrl-C has reached vitest already, and a second one would cut its clean-up short.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('error', (error) => failed('vitest did not start', error.message));
  child.on('exit', (code, signal) => {
    process.exitCode = signal ? 1 : code;
  });
}
