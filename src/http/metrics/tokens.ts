import { Counter, Gauge, type Registry } from 'prom-client';
import type { Services } from '../../domain/context.ts';
import { type MeasuredToken, measureNotices, measureTokens } from '../../domain/token/measure.ts';
import { tokenStates } from '../../domain/token/state.ts';
import { onceAtATime } from './once-at-a-time.ts';

const labelsOf = ({ organizationId, tokenId }: MeasuredToken) => ({
  organization: String(organizationId),
  token: String(tokenId),
});

/** Metrics of tokens. They are read from the database at each scrape, so every process tells the same. */
export function addTokenMetrics(registry: Registry, services: Pick<Services, 'prisma' | 'clock' | 'settings'>): void {
  const registers = [registry];
  const tokens = onceAtATime(() => measureTokens(services));
  const labelNames = ['organization', 'token'] as const;
  new Gauge({
    name: 'russet_token_days_left',
    help: 'Days until the token expires, with their fraction; negative after it.',
    labelNames,
    registers,
    async collect() {
      const measured = await tokens();
      this.reset();
      for (const token of measured) this.set(labelsOf(token), token.secondsLeft / 86_400);
    },
  });
  new Gauge({
    name: 'russet_token_probed_timestamp_seconds',
    help: 'When Apple was last asked about the token by itself and answered.',
    labelNames,
    registers,
    async collect() {
      const measured = await tokens();
      this.reset();
      for (const token of measured) if (token.probedAt) this.set(labelsOf(token), token.probedAt.getTime() / 1000);
    },
  });
  new Gauge({
    name: 'russet_tokens',
    help: 'Tokens by state.',
    labelNames: ['state'] as const,
    registers,
    async collect() {
      const measured = await tokens();
      for (const state of tokenStates) this.set({ state }, 0);
      for (const { state } of measured) this.inc({ state });
    },
  });
  new Counter({
    name: 'russet_token_notices_total',
    help: 'Notices of tokens that were told, by kind and by days before the expiry.',
    labelNames: ['kind', 'rung'] as const,
    registers,
    async collect() {
      const notices = await measureNotices(services);
      this.reset();
      for (const { kind, rung, count } of notices) this.inc({ kind, rung: rung ?? '' }, Number(count));
    },
  });
}
