import type { Services } from '../domain/context.ts';
import type { GuardedMetrics } from '../http/metrics/handle.ts';
import { createMetrics } from '../http/metrics/registry.ts';
import type { Config } from './config.ts';
import { version } from './version.ts';

/** The metrics of a process, if somebody may read them. */
export function metricsOf({ metricsToken }: Config, services: Services, name: string): GuardedMetrics | undefined {
  if (metricsToken === undefined) return undefined;
  return { metrics: createMetrics({ services, version, name }), token: metricsToken };
}
