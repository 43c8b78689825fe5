import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';

/**
 * What it ran on, line by line.
 * @param {string} postgresVersion
 */
export function describeMachine(postgresVersion) {
  const gigabytes = Math.round(totalmem() / 1024 ** 3);
  return [
    ['Processor', `${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} cores for all processes together`],
    ['Memory', `${gigabytes} GiB`],
    ['System', `${type()} ${release()}`],
    ['Node', process.version],
    ['PostgreSQL', `${postgresVersion}, embedded, durable, its settings as shipped`],
  ];
}

/** Processes that wanted to run, on average over the last minute. */
export const load = () => loadavg()[0];
