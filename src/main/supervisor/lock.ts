/** One running Russet for one data folder. @module */
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { identifyProcess, isAlive, type ProcessIdentity } from '../../db/embedded/process-identity.ts';

/** What the lock file says about its holder. */
export interface LockHolder extends ProcessIdentity {
  /** Address of its API. */
  graphqlUrl: string;
  /** When it was started, in ISO 8601. */
  since: string;
}

/** Another process holds the lock. */
export class AlreadyRunningError extends Error {
  override readonly name = 'AlreadyRunningError';
  readonly holder: LockHolder;

  constructor(holder: LockHolder) {
    super(
      `Russet is running already: ${holder.graphqlUrl} (process ${holder.pid}, since ${holder.since}).\n` +
        `Stop it with Ctrl-C in its terminal or with: kill ${holder.pid}`,
    );
    this.holder = holder;
  }
}

/**
 * Takes the lock at `path` for this process. The lock of a process that is gone does not count, even when another one
 * has got its number since.
 *
 * @returns a function that gives it back
 * @throws {AlreadyRunningError}
 */
export function takeLock(path: string, holder: { graphqlUrl: string; since: Date }): () => void {
  const own: LockHolder = {
    ...identifyProcess(process.pid)!,
    graphqlUrl: holder.graphqlUrl,
    since: holder.since.toISOString(),
  };
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  while (!create(path, own)) {
    const other = read(path);
    if (other && isAlive(other)) throw new AlreadyRunningError(other);
    rmSync(path, { force: true });
  }
  return () => {
    if (read(path)?.start === own.start) rmSync(path, { force: true });
  };
}

/** A link appears with its whole content or not at all. */
function create(path: string, holder: LockHolder): boolean {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(holder)}\n`);
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function read(path: string): LockHolder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as LockHolder;
  } catch {
    return undefined;
  }
}
