import { withLogFields } from '../../lib/log-fields.ts';
import type { Services } from '../context.ts';

/**
 * Works for a task: the log lines on the way, those of the calls to Apple too, carry the id of the request that asked
 * for it. `work` is given that id, or `fallback` where there is none.
 */
export async function traceTask<T>(
  services: Pick<Services, 'prisma'>,
  task: { organizationId: bigint; taskId: bigint },
  fallback: string,
  work: (correlationId: string) => Promise<T>,
): Promise<T> {
  const { organizationId, taskId } = task;
  const row = await services.prisma.task.findUnique({
    where: { organizationId_id: { organizationId, id: taskId } },
    select: { correlationId: true },
  });
  const correlationId = row?.correlationId ?? fallback;
  return withLogFields({ correlationId, taskId: String(taskId) }, () => work(correlationId));
}
