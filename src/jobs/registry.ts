/** The jobs: each parses its ids and calls one verb. They may come twice; the verbs' claims see to that. @module */
import { z } from 'zod';
import type { JobName } from '../db/enqueue.ts';
import { refreshMetadata } from '../domain/app/refresh-metadata.ts';
import { type Services, systemContext } from '../domain/context.ts';
import { compareDeployments } from '../domain/deployment/compare.ts';
import { driveDevices } from '../domain/device-news/drive.ts';
import { reserveBlocks } from '../domain/license/reserve-blocks.ts';
import { serveQueue } from '../domain/license/serve-queue.ts';
import { writeLicenses } from '../domain/license/write-licenses.ts';
import { applyNotifications } from '../domain/notification/apply.ts';
import { registerWebhook } from '../domain/notification/register.ts';
import { driveOperations } from '../domain/operation/dispatch.ts';
import { runDueRules } from '../domain/reclaim/run.ts';
import { refreshSeats } from '../domain/seat/refresh.ts';
import { reconcileToken } from '../domain/sync/reconcile.ts';
import { refreshAsset } from '../domain/sync/refresh-asset.ts';
import { runSync } from '../domain/sync/run.ts';
import { traceTask } from '../domain/task/trace.ts';
import { forgetLicenses } from '../domain/token/forget.ts';
import { guardToken } from '../domain/token/guard.ts';
import { releaseToken } from '../domain/token/release.ts';
import { runUpdates } from '../domain/update/run.ts';

/** Does one job. `correlationId` ties its log lines together; a task has one of its own. */
export type JobHandler = (services: Services, payload: unknown, correlationId: string) => Promise<void>;

const id = z.string().regex(/^\d+$/).transform(BigInt);
const organizationKey = z.object({ organizationId: id });
const taskKey = z.object({ organizationId: id, taskId: id });
const tokenKey = z.object({ organizationId: id, tokenId: id });
const queueKey = z.object({ organizationId: id, appId: id });
const assetKey = tokenKey.extend({ adamId: z.string().min(1) });

/** Every job there is. */
export const jobs: Record<JobName, JobHandler> = {
  'sync-token': (services, payload, correlationId) => {
    const task = taskKey.parse(payload);
    return traceTask(services, task, correlationId, (id) => runSync(services, task, id));
  },
  'reserve-licenses': (services, payload, correlationId) => {
    const task = taskKey.parse(payload);
    return traceTask(services, task, correlationId, (id) => reserveBlocks(services, task, id));
  },
  'write-licenses': (services, payload, correlationId) =>
    writeLicenses(services, tokenKey.parse(payload), correlationId),
  'remove-token': (services, payload, correlationId) => {
    const task = taskKey.parse(payload);
    return traceTask(services, task, correlationId, (id) => releaseToken(services, task, id));
  },
  'forget-licenses': (services, payload, correlationId) =>
    forgetLicenses(services, tokenKey.parse(payload), correlationId),
  'apply-notifications': (services, payload, correlationId) =>
    applyNotifications(services, tokenKey.parse(payload), correlationId),
  'register-webhook': (services, payload, correlationId) =>
    registerWebhook(services, tokenKey.parse(payload), correlationId),
  'guard-token': (services, payload, correlationId) => guardToken(services, tokenKey.parse(payload), correlationId),
  'reconcile-token': (services, payload, correlationId) =>
    reconcileToken(services, tokenKey.parse(payload), correlationId),
  'run-updates': (services, payload, correlationId) =>
    runUpdates(services, organizationKey.parse(payload), correlationId),
  'refresh-seats': (services, payload, correlationId) => refreshSeats(services, tokenKey.parse(payload), correlationId),
  'refresh-asset': (services, payload, correlationId) => {
    const { adamId, ...token } = assetKey.parse(payload);
    return refreshAsset(services, token, adamId, correlationId);
  },
  'drive-operations': (services, payload, correlationId) => {
    const { organizationId } = organizationKey.parse(payload);
    return driveOperations(systemContext(services, organizationId, 'operations', correlationId), organizationId);
  },
  'drive-devices': (services, payload, correlationId) =>
    driveDevices(services, organizationKey.parse(payload).organizationId, correlationId),
  'serve-waiting': (services, payload, correlationId) => serveQueue(services, queueKey.parse(payload), correlationId),
  'reclaim-licenses': (services, payload, correlationId) =>
    runDueRules(services, organizationKey.parse(payload).organizationId, correlationId),
  'compare-deployments': async (services, payload, correlationId) => {
    const { organizationId } = organizationKey.parse(payload);
    const compared = await compareDeployments(services, organizationId, correlationId);
    if (compared.granted + compared.refused + compared.revoked > 0)
      services.logger.info({ organizationId: String(organizationId), ...compared }, 'deployments compared');
  },
  'refresh-metadata': (services, payload, correlationId) => {
    const token = tokenKey.parse(payload);
    return refreshMetadata(systemContext(services, token.organizationId, 'metadata', correlationId), token);
  },
};
