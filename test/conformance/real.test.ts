/** The driver against a NanoMDM of its makers. Where none can be had the cases are skipped, counted as skipped, and the log says why. */
import { afterAll, afterEach, beforeAll, describe, test } from 'vitest';
import { type Bench, openBench } from './bench.ts';
import { cases } from './cases.ts';
import { findNanoMdm, realServer } from './real-server.ts';

const found = await findNanoMdm();
const outcome = found.program === null ? `NOT tested: ${found.reason}` : `tested with ${found.title}`;
process.stdout.write(`Real NanoMDM: ${outcome}\n`);

describe.skipIf(found.program === null)(`§5.1 the driver and a real NanoMDM (${outcome})`, () => {
  let bench: Bench;
  beforeAll(async () => {
    if (found.program !== null) bench = await openBench(realServer(found.program, found.version));
  });
  afterEach(() => bench.atEase());
  afterAll(async () => {
    await bench?.close();
    if (found.program !== null) found.close();
  });

  for (const { title, run } of cases) test(`§5.1 ${title}`, () => run(bench));
});
