/** What has to be done before anything of ours can run, each only when its sources changed since the last time. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fingerprint } from './fingerprint.mjs';
import { step } from './progress.mjs';

const tsc = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--pretty', 'false'];
const codegen = ['node_modules/@graphql-codegen/cli/esm/bin.js', '--config', 'codegen.yml'];
const prisma = ['node_modules/prisma/build/index.js', 'generate'];

const steps = [
  { name: 'packages', title: 'installing packages', from: ['package-lock.json'], to: 'node_modules', run: npmCi },
  {
    name: 'prisma',
    title: 'generating the database client',
    from: ['prisma/schema.prisma', 'prisma.config.ts', 'package-lock.json'],
    to: 'src/generated/prisma',
    run: (root) => node(root, prisma),
  },
  {
    name: 'operations',
    title: 'generating the GraphQL operations',
    from: ['schema', 'codegen.yml', 'package-lock.json'],
    to: 'src/generated/operations',
    run: (root) => node(root, codegen),
  },
  {
    name: 'build',
    title: 'building',
    from: ['src', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json'],
    to: 'dist',
    run: (root) => node(root, tsc),
  },
];

const benchSteps = [
  {
    name: 'bench-packages',
    title: 'installing the packages of the bench',
    from: ['bench/package-lock.json'],
    to: 'bench/node_modules',
    run: (root) => npmCi(join(root, 'bench')),
  },
];

/** Brings the checkout at `root` into shape. False when a step failed; it has said why. */
export function prepare(root) {
  return go(root, steps);
}

/** The same for the bench, which is a package of its own. */
export function prepareBench(root) {
  return go(root, benchSteps);
}

async function go(root, steps) {
  for (const { name, title, from, to, run } of steps) {
    const stamp = join(root, 'node_modules', '.russet', name);
    const print = fingerprint(root, from);
    if (existsSync(join(root, to)) && isCurrent(root, name, stamp, print)) continue;
    if (!(await step(title, () => run(root)))) return false;
    remember(stamp, print);
  }
  return true;
}

function isCurrent(root, name, stamp, print) {
  if (existsSync(stamp)) return readFileSync(stamp, 'utf8') === print;
  if (name !== 'packages' || !installedByHand(root)) return false;
  remember(stamp, print);
  return true;
}

/** Whether `npm ci` or `npm install` ran after the lock file was last written. */
function installedByHand(root) {
  const installed = statSync(join(root, 'node_modules', '.package-lock.json'), { throwIfNoEntry: false });
  return installed !== undefined && installed.mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs;
}

function remember(stamp, print) {
  mkdirSync(join(stamp, '..'), { recursive: true });
  writeFileSync(stamp, print);
}

function npmCi(root) {
  const parameters = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = process.env.npm_execpath;
  return npm ? node(root, [npm, ...parameters]) : execute(root, 'npm', parameters);
}

function node(root, parameters) {
  return execute(root, process.execPath, parameters);
}

function execute(root, program, parameters) {
  // Prisma looks for its generators on the PATH.
  const path = [join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter);
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(program, parameters, { cwd: root, env: { ...process.env, PATH: path, FORCE_COLOR: '0' } });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text) => {
        output += text;
      });
    }
    child.on('error', (error) => resolve({ ok: false, output: error.message }));
    child.on('close', (code) => resolve({ ok: code === 0, output }));
  });
}
