/** The order of test files: those that run longest first, so that no worker is left with one of them at the end. @module */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Where files take long for their size, which is what vitest goes by; the longest first. */
const long = [
  'test/chaos/kills.test',
  'test/chaos/checker',
  // Not beside the other one: each of them is four workers and two APIs.
  'test/chaos/kills-refused',
  'test/chaos/scenarios',
  'test/chaos/misfortunes',
  'test/flows/processes/',
  'test/main/',
  'test/scenarios/',
  'test/flows/counts-random',
  'test/domain/license/',
  'test/db/embedded',
];

/** Vitest's order, with the long ones before it. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const found = long.findIndex((start) => moduleId.includes(start));
      return found < 0 ? long.length : found;
    };
    return (await super.sort(files)).sort((one, other) => place(one) - place(other));
  }
}
