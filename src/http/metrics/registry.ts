/** What can be measured: one line for each noun. The numbers come from where they are kept, when somebody asks. @module */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Services } from '../../domain/context.ts';
import { addMdmMetrics } from './mdm.ts';
import { addNotificationMetrics } from './notifications.ts';
import { addTokenMetrics } from './tokens.ts';

/** The metrics of one process, as text. */
export interface Metrics {
  contentType: string;
  /** Reads all of them now. */
  text(): Promise<string>;
}

/** Options of {@link createMetrics}. */
export interface MetricsOptions {
  services: Services;
  /** Russet's version. */
  version: string;
  /** What the process is, `api` or `worker`. */
  name: string;
}

/** Metrics of Russet and of the process itself. */
export function createMetrics({ services, version, name }: MetricsOptions): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'russet_info',
    help: 'Always 1; its labels say what runs.',
    labelNames: ['version', 'mode', 'process'] as const,
    registers: [registry],
  }).set({ version, mode: services.settings.mode, process: name }, 1);
  addTokenMetrics(registry, services);
  addNotificationMetrics(registry, services);
  addMdmMetrics(registry, services);
  return { contentType: registry.contentType, text: () => registry.metrics() };
}
