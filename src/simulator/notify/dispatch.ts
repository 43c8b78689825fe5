/** What leaves when something happened: only subscribed types, with the misfortunes that the options ask for. @module */
import type { NotificationMisfortunes, SimulatorOptions } from '../options.ts';
import type { Random } from '../random.ts';
import type { Draft } from './delivery.ts';
import type { Outbox } from './outbox.ts';

/** Queues a notification that a client subscribed to, and whatever misfortune adds to it. */
export function dispatch(outbox: Outbox, options: SimulatorOptions, draft: Draft, at: number): void {
  const { random } = outbox;
  const chances = options.notificationMisfortunes;
  const happens = (name: keyof NotificationMisfortunes) => chances[name] > 0 && random.next() < chances[name];
  for (const stray of straysAround(draft, happens, random)) outbox.add(stray, { at, delay: delayOf(options, random) });
  const sent = happens('unknownField') ? { ...draft, unknownField: true } : draft;
  if (happens('drop')) {
    outbox.note(sent, at, 'dropped');
    return;
  }
  const late = happens('late') ? options.notificationLateMs : 0;
  const overtakes = happens('reorder');
  const first = outbox.add(sent, { at, delay: delayOf(options, random) + late, overtakes });
  if (happens('duplicate')) {
    outbox.add(sent, { at, delay: delayOf(options, random), notificationId: first.notificationId });
  }
  if (happens('duplicateNewId')) outbox.add(sent, { at, delay: delayOf(options, random) });
}

function delayOf({ notificationDelayMs, notificationJitterMs }: SimulatorOptions, random: Random): number {
  return notificationDelayMs + (notificationJitterMs > 0 ? random.integer(notificationJitterMs + 1) : 0);
}

/** Notifications that nothing here caused. */
function straysAround(
  { uId }: Draft,
  happens: (name: keyof NotificationMisfortunes) => boolean,
  random: Random,
): Draft[] {
  const strays: Draft[] = [];
  if (happens('unknownType')) strays.push({ uId, type: 'SOMETHING_OF_TOMORROW', fields: { news: true } });
  if (happens('unknownEvent')) {
    const asset = { adamId: '9999999999', pricingParam: 'STDQ' as const };
    const target = { kind: 'serialNumber' as const, id: 'SIMSTRANGER1' };
    const fields = { eventId: random.uuid(), type: 'ASSOCIATE', result: 'SUCCESS' };
    strays.push({ uId, type: 'ASSET_MANAGEMENT', fields, tasks: [{ asset, target }] });
  }
  if (happens('negativeCount')) {
    const fields = { adamId: '9999999999', pricingParam: 'STDQ', countDelta: -2_000_000 };
    strays.push({ uId, type: 'ASSET_COUNT', fields });
  }
  return strays;
}
