/** Whether a server can be used, as people are told. @module */
import type { Context } from '../context.ts';
import { MdmUnavailableError } from '../errors.ts';
import { type MdmAccess, MdmFailure } from '../mdm-ports.ts';

/** Asks the server; nothing is queued. Throws MDM_UNAVAILABLE with what is to be mended. */
export async function prove(
  context: Context,
  access: MdmAccess,
  seconds?: number,
): Promise<{ version: string | null }> {
  const signal = seconds === undefined ? undefined : AbortSignal.timeout(seconds * 1000);
  try {
    return await context.mdm.test(access, signal);
  } catch (error) {
    if (signal?.aborted)
      throw new MdmUnavailableError('NO_ANSWER', `The MDM server did not answer within ${seconds} s`, null);
    if (!(error instanceof MdmFailure)) throw error;
    throw new MdmUnavailableError(error.problem, error.message, error.httpStatus ?? null);
  }
}
