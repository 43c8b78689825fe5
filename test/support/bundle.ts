/**
 * Our programs for tests that start many of them: each with its packages in one file, so that a start reads three files
 * instead of a thousand. What `npm run build` made is what goes in, unless a test wants a source with a fault.
 * @module
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';

const programs = [
  'main/api',
  'main/worker',
  'main/setup',
  'main/migrate',
  'main/admin',
  'main/rotate-key',
  'simulator/main',
];

/** What packages in CommonJS expect to be there. */
const commonJs = `import { createRequire as makeRequire } from 'node:module';
const require = makeRequire(import.meta.url), __filename = import.meta.filename, __dirname = import.meta.dirname;`;

/** Where {@link bundleBuild} puts the programs, as `dist/` has them. */
export const bundledPrograms = resolve('.data/programs/dist');

/** Bundles what `npm run build` made, unless that is done already; nothing is built, nothing happens. */
export async function bundleBuild(): Promise<void> {
  if (!existsSync('dist/main') || newest(bundledPrograms) > newest('dist')) return;
  const folder = await bundle({ from: 'dist' });
  rmSync(resolve('.data/programs'), { recursive: true, force: true });
  renameSync(folder, resolve('.data/programs'));
}

/** Bundles the programs below `from` into a new folder below `.data` that looks like a checkout. Gives its path. */
export async function bundle({ from, plugins = [] }: { from: 'dist' | 'src'; plugins?: Plugin[] }): Promise<string> {
  mkdirSync('.data', { recursive: true });
  const folder = mkdtempSync(resolve('.data', 'programs-'));
  // What the programs look for next to `dist`.
  for (const part of ['prisma', 'package.json']) symlinkSync(resolve(part), join(folder, part));
  await build({
    entryPoints: programs.map((program) => `${from}/${program}.${from === 'dist' ? 'js' : 'ts'}`),
    outbase: from,
    outdir: join(folder, 'dist'),
    bundle: true,
    splitting: true,
    // As deep as the programs, which look for things from where they are.
    chunkNames: 'parts/[name]-[hash]',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['pg-native'],
    banner: { js: commonJs },
    charset: 'utf8',
    logLevel: 'error',
    plugins,
  });
  return folder;
}

/** When the youngest file below the folder was written; 0 when there is no such folder. */
function newest(folder: string): number {
  if (!existsSync(folder)) return 0;
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Math.max(0, ...files.map((file) => statSync(join(file.parentPath, file.name)).mtimeMs));
}
