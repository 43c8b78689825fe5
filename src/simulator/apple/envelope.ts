/** What every authenticated answer carries beside its own fields. @module */
import type { Answer, Call } from './call.ts';
import { appleDate } from './dates.ts';
import { errorBody, errorEntry } from './errors.ts';

/** `uId`, `tokenExpirationDate` and `mdmInfo` for the token of a call. */
export function envelope(call: Call): Record<string, unknown> {
  const { token, unit, world } = call;
  if (!token || !unit) return {};
  const fields: Record<string, unknown> = { uId: unit.uId, tokenExpirationDate: appleDate(token.expiresAt) };
  if (unit.config.mdmInfo) fields.mdmInfo = unit.config.mdmInfo;
  else if (world.options.mdmInfoWhenUnset === 'null') fields.mdmInfo = null;
  return fields;
}

/** A success with the envelope around it. */
export function enveloped(call: Call, body: object): Answer {
  return { status: 200, body: { ...body, ...envelope(call) } };
}

/** An error of Apple's. */
export function refusal(call: Call, errorNumber: number): Answer {
  const { options } = call.world;
  const status = errorNumber === 9622 ? options.invalidTokenStatus : errorEntry(errorNumber).status;
  const extra = options.envelopeOnErrors ? envelope(call) : {};
  const answer: Answer = { status, body: { ...errorBody(errorNumber), ...extra } };
  if (errorNumber === 9646 && options.retryAfterOn429 !== null) {
    answer.headers = { 'retry-after': String(options.retryAfterOn429) };
  }
  return answer;
}
