/** Fifty seeds of the scenario that `npm test` plays ten of, with half as many steps each. SCENARIO_SEED=… plays one. */
import { describeSeeds } from '../scenarios/support/seeds.ts';

describeSeeds('F12 S69 Apple’s bad days', 50, 101, 30);
