/** Ends the server when this process is killed and can't do it any more. @module */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Cluster } from './cluster.ts';

/**
 * `cat` ends when the last writer of its pipe is gone, in whatever way. Then the server is asked to stop, and after
 * 1.2 s told to; a temporary home goes with it.
 */
const script = `
pid=$1 data=$2 temporary=$3
serves() { [ "$(head -n 1 "$data/postmaster.pid" 2>/dev/null)" = "$pid" ] && kill -0 "$pid" 2>/dev/null; }
wait_for_end() { n=0; while serves && [ $n -lt "$1" ]; do sleep 0.1; n=$((n + 1)); done; }
cat >/dev/null
serves && kill -INT "$pid"
wait_for_end 12
serves && kill -QUIT "$pid"
wait_for_end 10
if [ -n "$temporary" ]; then cd / && rm -rf "$temporary"; fi
exit 0
`;

/** A small process of its own that waits for the end of this one. */
export interface Guard {
  /** Lets the guard go; with the server gone it has nothing to do. */
  release(): void;
}

/** Sets a guard over server `pid`. */
export function setGuard(pid: number, cluster: Cluster): Guard {
  const { home, data } = cluster;
  const child: ChildProcess = spawn('sh', ['-c', script, 'sh', String(pid), data, home.temporary ? home.path : ''], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    ...home.owner,
  });
  child.on('error', () => {});
  child.stdin?.on('error', () => {});
  child.unref();
  (child.stdin as unknown as { unref(): void }).unref();
  return { release: () => child.stdin?.end() };
}
