/** Looks at Apple's true counts all the time, because some wrongs are gone by the time of the end. @module */
import { systemClock } from '../../../src/lib/clock.ts';
import type { SimulatorProcess } from '../../support/process-simulator.ts';

/** A moment at which Apple had given more than was bought. */
export interface Overrun {
  library: string;
  adamId: string;
  total: number;
  assigned: number;
}

/** A running witness. */
export interface Witness {
  /** How often it looked. */
  readonly looks: number;
  overruns: Overrun[];
  stop(): Promise<void>;
}

/** Starts looking, about once a second. */
export function startWitness(simulator: SimulatorProcess, libraries: readonly string[]): Witness {
  const stopping = new AbortController();
  const overruns: Overrun[] = [];
  let looks = 0;
  const run = async () => {
    while (!stopping.signal.aborted) {
      for (const library of libraries) overruns.push(...(await overrunsOf(simulator, library)));
      looks += 1;
      await systemClock.sleep(1_000, stopping.signal).catch(() => {});
    }
  };
  const running = run();
  return {
    get looks() {
      return looks;
    },
    overruns,
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

/** Assets of which more seats are taken than there are now. */
export async function overrunsOf(simulator: SimulatorProcess, library: string): Promise<Overrun[]> {
  const { assets } = await simulator.truth(library);
  return assets
    .filter((asset) => !asset.unlimited && asset.assigned > asset.total)
    .map(({ adamId, total, assigned }) => ({ library, adamId, total, assigned }));
}
