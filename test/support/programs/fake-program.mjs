/** Stands in for simulator, worker and API: writes into a journal what happens to it. Behavior comes from FAKE_<NAME>. */
import { appendFileSync } from 'node:fs';

const { FAKE_JOURNAL = '', ...env } = process.env;
const name = (process.argv[1] ?? '').replace(/.*\/fake-([a-z]+)\.mjs$/, '$1');
const behavior = env[`FAKE_${name.toUpperCase()}`] ?? '';

function write(event) {
  appendFileSync(FAKE_JOURNAL, `${name} ${event}\n`);
}

export function runFakeProgram() {
  write(`pid ${process.pid}`);
  write(
    `mode ${env.RUSSET_MODE ?? '-'} database ${env.DATABASE_URL ? 'yes' : 'no'} key ${env.ENCRYPTION_KEYS_FILE ?? '-'}`,
  );
  if (behavior === 'fail') process.exit(3);
  process.on('disconnect', () => process.exit(0));
  process.on('SIGTERM', () => {
    write('stopped');
    if (behavior !== 'stubborn') process.exit(0);
  });
  process.on('SIGINT', () => write('interrupted'));
  console.log(JSON.stringify({ level: 'warn', msg: `a warning of ${name}` }));
  if (behavior !== 'slow') process.send?.({ type: 'ready' });
}
