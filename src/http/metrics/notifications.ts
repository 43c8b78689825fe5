import { Counter, Gauge, type Registry } from 'prom-client';
import type { Services } from '../../domain/context.ts';
import { measureNotifications } from '../../domain/notification/measure.ts';
import { onceAtATime } from './once-at-a-time.ts';

/** Metrics of Apple's notifications, read from the database at each scrape. */
export function addNotificationMetrics(registry: Registry, services: Pick<Services, 'prisma'>): void {
  const registers = [registry];
  const measured = onceAtATime(() => measureNotifications(services));
  new Counter({
    name: 'russet_notifications_set_aside_total',
    help: 'Notifications that were set aside because applying them met errors again and again. Anything but 0 is to be reported.',
    labelNames: ['organization', 'token'] as const,
    registers,
    async collect() {
      const { setAside } = await measured();
      this.reset();
      for (const { organizationId, tokenId, count } of setAside)
        this.inc({ organization: String(organizationId), token: String(tokenId) }, count);
    },
  });
  new Gauge({
    name: 'russet_notifications_waiting',
    help: 'Notifications that are stored and not applied yet.',
    registers,
    async collect() {
      this.set(Number((await measured()).waiting));
    },
  });
}
