/** Russet with a fault put in on purpose: a copy of the source, a small exact change, and a build of it. @module */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

/** One exact replacement in a file below `src/`. */
export interface Change {
  file: string;
  from: string;
  to: string;
}

/** A build of its own. */
export interface Build {
  /** Folder of the programs, as `dist/` is. */
  programs: string;
  remove(): void;
}

/** Makes the build. Throws when a text to replace is not there exactly once: then the source has moved on. */
export async function buildWith(changes: readonly Change[]): Promise<Build> {
  // Inside the project, so that the programs find the installed packages and the versions of the source.
  mkdirSync('.data', { recursive: true });
  const root = mkdtempSync(resolve('.data', 'broken-build-'));
  const remove = () => rmSync(root, { recursive: true, force: true });
  try {
    for (const part of ['src', 'prisma', 'package.json', 'tsconfig.json', 'tsconfig.build.json'])
      cpSync(part, join(root, part), { recursive: true });
    symlinkSync(resolve('node_modules'), join(root, 'node_modules'), 'dir');
    for (const change of changes) apply(root, change);
    await compile(root);
    return { programs: join(root, 'dist'), remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Builds as `npm run build` does; what a change made superfluous may stay. */
async function compile(root: string): Promise<void> {
  const tsc = resolve('node_modules/typescript/bin/tsc');
  const parameters = ['-p', 'tsconfig.build.json', '--noUnusedLocals', 'false', '--noUnusedParameters', 'false'];
  await promisify(execFile)(process.execPath, [tsc, ...parameters], { cwd: root }).catch(
    (error: { stdout?: string }) => {
      throw new Error(`the changed source does not build: ${error.stdout}`);
    },
  );
}

function apply(root: string, { file, from, to }: Change): void {
  const path = join(root, 'src', file);
  const parts = readFileSync(path, 'utf8').split(from);
  if (parts.length !== 2) throw new Error(`src/${file} has the text to replace ${parts.length - 1} times: ${from}`);
  writeFileSync(path, parts.join(to));
}
