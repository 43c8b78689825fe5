/** Reads what NanoMDM and NanoHUB post (MDM sheet §4.1). The signature was looked at before. @module */
import { z } from 'zod';
import type { Addressee, DeviceNews } from '../../domain/mdm-ports.ts';
import { cleanText } from '../../lib/clean-text.ts';
import { type PlistDict, readPlist } from '../../lib/plist.ts';
import { factsOf, resultOf } from './device-answer.ts';
import { isEnrollmentId } from './enrollment-id.ts';
import { flagAt } from './fields.ts';

/** Number of an answer's error when Russet could not read the answer. */
export const unreadableAnswer = { domain: 'Russet', number: 1, message: 'The answer of the device could not be read.' };

const text = z.string().nullish();
const identity = {
  udid: text,
  enrollment_id: text,
  ids: z.object({ id: z.string(), type: text, parent_id: text }).nullish(),
  raw_payload: z.string().default(''),
};
const event = z.object({
  topic: z.string(),
  created_at: z.string(),
  acknowledge_event: z.object({ ...identity, status: z.string(), command_uuid: text }).nullish(),
  checkin_event: z.object({ ...identity, token_update_tally: z.number().nullish() }).nullish(),
});
type Event = z.infer<typeof event>;
type Acknowledged = NonNullable<Event['acknowledge_event']>;
type CheckIn = NonNullable<Event['checkin_event']>;

/** What the message says, or null when it is none of a device. */
export function readNanoMdmMessage(body: Uint8Array): DeviceNews | null {
  const told = parsed(body);
  const about = told?.acknowledge_event ?? told?.checkin_event;
  if (!told || !about) return null;
  const device = addresseeOf(about);
  if (!device) return null;
  const at = timeOf(told.created_at);
  return { ...device, ...(at && { at }), ...kindOf(told) } as DeviceNews;
}

function parsed(body: Uint8Array): Event | undefined {
  try {
    return event.safeParse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))).data;
  } catch {
    return undefined;
  }
}

/** Users of a device have a parent; older servers tell no ids. */
function addresseeOf({ ids, enrollment_id, udid }: Acknowledged | CheckIn): Addressee | undefined {
  const enrollmentId = ids?.id ?? enrollment_id ?? udid ?? '';
  if (!isEnrollmentId(enrollmentId)) return undefined;
  const user = ids?.parent_id || ['User', 'User Enrollment', 'Shared iPad'].includes(ids?.type ?? '');
  return { enrollmentId, type: user ? 'USER' : 'DEVICE' };
}

function timeOf(text: string): string | undefined {
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}

type Kind = {
  [Of in DeviceNews['kind']]: Omit<Extract<DeviceNews, { kind: Of }>, keyof Addressee | 'at'>;
}[DeviceNews['kind']];

function kindOf({ topic, acknowledge_event: acknowledged, checkin_event: checkIn }: Event): Kind {
  if (acknowledged) return answerOf(acknowledged);
  const payload = payloadOf(checkIn!);
  switch (topic) {
    case 'mdm.Authenticate':
      return { kind: 'AUTHENTICATED', facts: payload ? factsOf(payload) : {} };
    case 'mdm.TokenUpdate':
      return {
        kind: 'REACHABLE',
        fresh: checkIn!.token_update_tally === 1,
        awaitingConfiguration: payload ? flagAt(payload, 'AwaitingConfiguration') : null,
      };
    case 'mdm.CheckOut':
      return { kind: 'CHECKED_OUT' };
    default:
      return { kind: 'OTHER', topic: cleanText(topic, 100) };
  }
}

const statuses = { Acknowledged: 'ACKNOWLEDGED', Error: 'FAILED', CommandFormatError: 'MALFORMED' } as const;

function answerOf(answer: Acknowledged): Kind {
  if (answer.status === 'Idle') return { kind: 'IDLE' };
  const commandUuid = cleanText(answer.command_uuid ?? '', 200);
  const status = statuses[answer.status as keyof typeof statuses];
  if (commandUuid === '' || (!status && answer.status !== 'NotNow'))
    return { kind: 'OTHER', topic: cleanText(`status:${answer.status}`, 100) };
  if (!status) return { kind: 'NOT_NOW', commandUuid };
  const payload = payloadOf(answer);
  return {
    kind: 'ANSWERED',
    commandUuid,
    status,
    result: payload ? resultOf(payload) : { errors: [unreadableAnswer] },
  };
}

/** Nothing is refused for its property list: that it came, and which command it ends, is worth most. */
function payloadOf({ raw_payload: raw }: { raw_payload: string }): PlistDict | undefined {
  try {
    return readPlist(Buffer.from(raw, 'base64'));
  } catch {
    return undefined;
  }
}
