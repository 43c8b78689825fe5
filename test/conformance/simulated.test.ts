/** The driver against the simulator's MDM server, in both of its shapes. */
import { afterAll, afterEach, beforeAll, describe, test } from 'vitest';
import { type Bench, openBench } from './bench.ts';
import { cases } from './cases.ts';
import { simulatedServer } from './simulated-server.ts';

for (const flavor of ['NANOMDM', 'NANOHUB'] as const)
  describe(`§5.1 the driver and a simulated ${flavor}`, () => {
    let bench: Bench;
    beforeAll(async () => {
      bench = await openBench(simulatedServer(flavor));
    });
    afterEach(() => bench.atEase());
    afterAll(() => bench.close());

    // The path, the user and the events differ; what a queue does is the same.
    for (const { title, run } of flavor === 'NANOMDM' ? cases : cases.slice(0, 3))
      test(`§5.1 ${title}`, () => run(bench));
  });
