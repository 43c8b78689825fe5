/** Control of notifications. @module */
import type { DeliveryInfo, NotificationOrder, SimulatorAdmin } from './admin-types.ts';
import type { World } from './apple/world.ts';
import { bodyOf, type Delivery } from './notify/delivery.ts';
import { isDelivered, postNotification } from './notify/post.ts';

type Verb =
  | 'deliveries'
  | 'clearDeliveries'
  | 'pauseDeliveries'
  | 'resumeDeliveries'
  | 'deliverDue'
  | 'deliver'
  | 'dropDeliveries'
  | 'sendNotification';

/** The verbs on notifications. */
export function deliveryVerbs(world: World): Pick<SimulatorAdmin, Verb> {
  return {
    deliveries: ({ bodies, ...query } = {}) => {
      world.settle();
      return world.outbox.list(query).map((delivery) => describe(delivery, bodies));
    },
    clearDeliveries: () => world.outbox.clearFinished(),
    pauseDeliveries: () => {
      world.outbox.paused = true;
    },
    resumeDeliveries: () => {
      world.outbox.paused = false;
    },
    deliverDue: () => world.courier.deliverDue(),
    deliver: (order) => world.courier.deliver(order?.numbers),
    dropDeliveries: ({ numbers }) => {
      world.settle();
      for (const n of numbers) drop(world, n);
    },
    sendNotification: (order) => send(world, order),
  };
}

function drop(world: World, n: number): void {
  const delivery = world.outbox.take(n);
  if (!delivery) throw new Error(`no notification ${n} waits`);
  world.outbox.finish(delivery, 'dropped');
  world.changes++;
}

async function send(world: World, order: NotificationOrder): Promise<DeliveryInfo> {
  const config = world.configOf(order.uId);
  const url = order.url ?? config?.notificationUrl;
  if (!url) throw new Error(`${order.uId} has no notification URL`);
  const now = world.now();
  const draft = { uId: order.uId, type: order.type, fields: order.notification ?? {} };
  const delivery = world.outbox.note(draft, now, 'sending', order.notificationId);
  const authorization =
    order.authorization === undefined ? `Bearer ${config?.notificationAuthToken}` : order.authorization;
  const attempt = await postNotification({
    url,
    ...(authorization === null ? {} : { authorization }),
    body: order.raw ?? JSON.stringify(bodyOf(delivery)),
    timeoutMs: world.options.notificationTimeoutMs,
    signal: world.courier.signal,
  });
  delivery.attempts.push({ at: new Date(now).toISOString(), ...attempt });
  delivery.state = isDelivered(attempt) ? 'delivered' : 'failed';
  return describe(delivery);
}

function describe(delivery: Delivery, withBody = false): DeliveryInfo {
  const { n, notificationId, uId, type, fields, tasks, createdAt, dueAt, state, attempts } = delivery;
  return {
    n,
    notificationId,
    uId,
    type,
    ...(typeof fields.eventId === 'string' ? { eventId: fields.eventId } : {}),
    ...(typeof fields.result === 'string' ? { result: fields.result } : {}),
    rows: tasks?.length ?? 0,
    createdAt: new Date(createdAt).toISOString(),
    dueAt: new Date(dueAt).toISOString(),
    state,
    attempts: [...attempts],
    ...(withBody ? { body: bodyOf(delivery) } : {}),
  };
}
