/** Moves a virtual clock, and lets everything happen that falls due on the way. @module */
import type { World } from './apple/world.ts';
import type { Fleet } from './devices/fleet.ts';

/** Goes on until `end`; `set` turns the clock. */
export async function advanceWorld(
  world: World,
  fleet: Fleet,
  end: number,
  set: (moment: number) => Promise<void>,
): Promise<void> {
  for (;;) {
    await world.courier.deliverDue();
    await fleet.drive();
    const deliveries = world.outbox.paused ? undefined : world.courier.nextAt();
    const next = Math.min(deliveries ?? Number.POSITIVE_INFINITY, fleet.nextAt() ?? Number.POSITIVE_INFINITY);
    if (next > end) break;
    await set(Math.max(next, world.now()));
  }
  await set(end);
  await world.courier.deliverDue();
  await fleet.drive();
}
