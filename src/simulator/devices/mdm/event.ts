/** What the server's webhook is told, in the words of its JSON schema. @module */
import type { Heard } from './device-door.ts';
import type { SentEvent } from './messenger.ts';

/** The body of one event; NanoHUB leaves `event_id` out. */
export function webhookEvent(heard: Heard, at: Date, eventId: string | undefined): object {
  const part =
    heard.kind === 'check-in' ? { checkin_event: checkInEvent(heard) } : { acknowledge_event: report(heard) };
  return {
    topic: heard.topic,
    ...(eventId === undefined ? {} : { event_id: eventId }),
    // Nine digits, as Go writes them.
    created_at: at.toISOString().replace('Z', '000001Z'),
    ...part,
  };
}

/** What is remembered of it. */
export function describeEvent({
  topic,
  id,
  message,
}: Heard): Pick<SentEvent, 'topic' | 'id' | 'status' | 'commandUuid'> {
  const { Status: status, CommandUUID: uuid } = message;
  return {
    topic,
    id,
    ...(typeof status === 'string' ? { status } : {}),
    ...(typeof uuid === 'string' ? { commandUuid: uuid } : {}),
  };
}

function checkInEvent(heard: Heard): object {
  const tally = heard.tokenUpdates === undefined ? {} : { token_update_tally: heard.tokenUpdates };
  return { ...identity(heard), ...rest(heard), ...tally };
}

function report(heard: Heard): object {
  const { status, commandUuid } = describeEvent(heard);
  return {
    ...identity(heard),
    status,
    ...(commandUuid === undefined ? {} : { command_uuid: commandUuid }),
    ...rest(heard),
  };
}

function identity({ id, message }: Heard): object {
  const [parent, user] = id.split(':');
  const byUdid = typeof message.UDID === 'string';
  const type = byUdid ? (user ? 'User' : 'Device') : user ? 'User Enrollment' : 'User Enrollment (Device)';
  return {
    ...(byUdid ? { udid: message.UDID } : {}),
    ...(typeof message.EnrollmentID === 'string' ? { enrollment_id: message.EnrollmentID } : {}),
    ids: { id, type, ...(user ? { parent_id: parent } : {}) },
  };
}

function rest({ raw, query }: Heard): object {
  const parameters = Object.fromEntries([...query].reverse());
  return {
    ...(query.size > 0 ? { url_params: parameters } : {}),
    raw_payload: raw().toString('base64'),
  };
}
