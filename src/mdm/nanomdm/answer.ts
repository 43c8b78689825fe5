/** What the answers of NanoMDM's API mean: the JSON decides, not the HTTP status (MDM sheet §0.5, §4.1). @module */
import { z } from 'zod';
import { type Enqueued, MdmFailure } from '../../domain/mdm-ports.ts';
import type { MdmCall, Reply } from './call.ts';

const text = z.string().nullish();

const shape = z.object({
  status: z.record(z.string(), z.object({ push_result: text, push_error: text, command_error: text })).nullish(),
  push_error: text,
  command_error: text,
  no_push: z.boolean().nullish(),
  command_uuid: text,
  request_type: text,
});

/** An answer of the endpoints `enqueue` and `push`. */
export type ApiAnswer = z.infer<typeof shape>;

/** Longest text of the server that is kept. */
const longestText = 300;

/** The answer as it was meant. @throws MdmFailure when it is not one of NanoMDM. */
export function readAnswer(call: Pick<MdmCall, 'operation' | 'writes'>, { status, text: body }: Reply): ApiAnswer {
  const at = { httpStatus: status };
  if (status === 401 || status === 403)
    throw new MdmFailure('UNAUTHORIZED', 'UNAUTHORIZED', 'The MDM server did not take the user name and API key', at);
  const answer = status === 404 ? undefined : parsed(body);
  if (answer) return answer;
  throw notAnAnswer(call, status);
}

function parsed(body: string | null): ApiAnswer | undefined {
  try {
    const { success, data } = shape.safeParse(JSON.parse(body ?? ''));
    // An empty object is what anybody may answer.
    return success && Object.values(data).some((value) => value != null) ? data : undefined;
  } catch {
    return undefined;
  }
}

/** Texts of proxies and other programs. What a proxy gave up waiting for may have been done. */
function notAnAnswer({ operation, writes }: Pick<MdmCall, 'operation' | 'writes'>, status: number): MdmFailure {
  const at = { httpStatus: status };
  if (status === 404)
    return new MdmFailure('REJECTED', 'WRONG_PREFIX', `There is no "${operation}" at this address and prefix`, at);
  if (status >= 300 && status < 400)
    return new MdmFailure('REJECTED', 'REDIRECTED', 'The MDM server sends calls to another address', at);
  if (status === 429 || status === 503)
    return new MdmFailure('UNAVAILABLE', 'SERVER_ERROR', `The MDM server is busy (HTTP ${status})`, at);
  if (status >= 500) {
    const kind = writes ? 'UNKNOWN_OUTCOME' : 'UNAVAILABLE';
    return new MdmFailure(kind, 'SERVER_ERROR', `The MDM server failed at "${operation}" (HTTP ${status})`, at);
  }
  return new MdmFailure('REJECTED', 'NOT_NANOMDM', `What answers is no NanoMDM (HTTP ${status})`, at);
}

/** What became of a command for each device. */
export function enqueuedOf(answer: ApiAnswer, ids: readonly string[]): Map<string, Enqueued> {
  const refusal = refusalOf(answer.command_error);
  return new Map(
    ids.map((id) => {
      const own = answer.status?.[id];
      const refused = refusal ?? refusalOf(own?.command_error);
      const pushProblem = refused ? null : shortened(own?.push_error ?? answer.push_error);
      return [id, { accepted: !refused, pushProblem, refusal: refused }];
    }),
  );
}

/** Why each device could not be woken, or null. */
export function pushedOf(answer: ApiAnswer, ids: readonly string[]): Map<string, string | null> {
  const whole = answer.push_error ?? answer.command_error;
  return new Map(ids.map((id) => [id, shortened(answer.status?.[id]?.push_error ?? whole)]));
}

/** A command that the server has already was taken the first time; databases say it in their words. */
const known =
  /command already exists|duplicate entry .* for key '(commands\.)?PRIMARY'|duplicate key value .*"commands_pkey"/i;

function refusalOf(error: string | null | undefined): string | null {
  return error && !known.test(error) ? shortened(error) : null;
}

function shortened(error: string | null | undefined): string | null {
  return error ? error.slice(0, longestText) : null;
}
