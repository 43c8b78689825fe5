/** The scenarios by name. @module */
import { large, type Sizes } from './large.ts';
import { schoolDistrict } from './school-district.ts';
import type { Scenario } from './types.ts';

/** Names that {@link buildScenario} knows. */
export const scenarioNames = ['school-district', 'large'] as const;

/** Builds a scenario; any size that is given makes the school district a large one. */
export function buildScenario(name: string, seed: number, sizes: Partial<Sizes> = {}): Scenario {
  if (!scenarioNames.some((known) => known === name)) {
    throw new Error(`unknown scenario ${name}; known: ${scenarioNames.join(', ')}`);
  }
  const isLarge = name === 'large' || sizes.licenses !== undefined;
  if (!isLarge) return schoolDistrict(seed, sizes.devices);
  return large(seed, { licenses: sizes.licenses ?? 100_000, devices: sizes.devices ?? 10_000 });
}
