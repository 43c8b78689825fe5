/** Requests per second of a GraphQL operation. @module */
import { lib } from './paths.mjs';
import { call, startProgram } from './programs.mjs';

/**
 * @typedef {{ url: string, headers?: Record<string, string>, body: string }} Target One operation at one server.
 * @typedef {{ connections: number, seconds: number, expect?: string, variables?: object[], keys?: string[] }} Load
 */

/** Starts the load generator. */
export async function startLoad() {
  const program = await startProgram(`${lib}load-process.mjs`);
  /** Throws when one answer was not as expected: what is wrong is not counted as fast. @param {Target} target @param {Load} load */
  const send = async (target, load) => {
    const { perSecond, requests, failures } = await call(program, { ...target, ...load });
    if (requests === 0 || Object.values(failures).some((count) => count > 0))
      throw new Error(`${target.url}: ${requests} requests, ${JSON.stringify(failures)}`);
    return { perSecond, requests };
  };
  return {
    /** Sends the operation as fast as it is answered. Gives requests per second. @param {Target} target @param {Load} load */
    perSecond: async (target, load) => (await send(target, load)).perSecond,
    /** The same, no two requests alike: the variables in turns, and a number that no request had before. @param {Target} target @param {Load} load */
    differing: send,
    stop: program.stop,
  };
}
