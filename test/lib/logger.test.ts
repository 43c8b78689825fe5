import { fork } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { logFields, withLogFields } from '../../src/lib/log-fields.ts';

const program = new URL('../support/programs/last-words.mjs', import.meta.url).pathname;

test('G14 last lines into a pipe that nobody reads do not keep a process from ending', async () => {
  const child = fork(program, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  await once(child, 'message');
  child.stdout!.destroy();
  await once(child.stdout!, 'close');
  const exited = once(child, 'exit', { signal: AbortSignal.timeout(10_000) });
  child.send('nobody reads any more');
  try {
    expect(await exited).toEqual([0, null]);
  } finally {
    child.kill('SIGKILL');
  }
});

test('G14 the fields of a piece of work follow it through whatever it waits for, and no further', async () => {
  const seen = await Promise.all(
    ['a', 'b'].map((job) =>
      withLogFields({ job, correlationId: job }, async () => {
        await new Promise((resolve) => setImmediate(resolve));
        return [logFields(), withLogFields({ correlationId: 'inner' }, logFields), logFields()];
      }),
    ),
  );
  for (const [index, job] of ['a', 'b'].entries()) {
    const own = { job, correlationId: job };
    expect(seen[index]).toEqual([own, { job, correlationId: 'inner' }, own]);
  }
  expect(logFields()).toEqual({});
});
