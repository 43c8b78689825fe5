import { Gauge, type Registry } from 'prom-client';
import type { Services } from '../../domain/context.ts';
import { type MeasuredMdm, measureMdm } from '../../domain/mdm/measure.ts';
import { onceAtATime } from './once-at-a-time.ts';

/** Metrics of MDM servers and what they tell, read from the database at each scrape. */
export function addMdmMetrics(registry: Registry, services: Pick<Services, 'prisma'>): void {
  const measured = onceAtATime(() => measureMdm(services));
  const gauge = (name: string, help: string, read: (one: MeasuredMdm) => number | null) =>
    new Gauge({
      name,
      help,
      labelNames: ['organization'] as const,
      registers: [registry],
      async collect() {
        this.reset();
        for (const one of await measured()) {
          const value = read(one);
          if (value !== null) this.set({ organization: String(one.organizationId) }, value);
        }
      },
    });
  gauge(
    'russet_mdm_usable',
    "Whether the organization's MDM server answered when it was last called: 1, or 0.",
    ({ problem }) => (problem === null ? 1 : 0),
  );
  gauge(
    'russet_mdm_heard_timestamp_seconds',
    'When something of a device last came.',
    ({ heardAt }) => heardAt && heardAt.getTime() / 1_000,
  );
  gauge('russet_device_news_waiting', 'News of devices that are stored and not applied yet.', ({ waiting }) => waiting);
  gauge(
    'russet_device_news_set_aside',
    'News of devices at which Russet failed five times. Anything but 0 is to be reported.',
    ({ setAside }) => setAside,
  );
}
