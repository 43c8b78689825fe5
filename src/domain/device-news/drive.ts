/** Looks after an organization's devices until nothing is due. @module */
import { claimConnection } from '../command/claim.ts';
import { endLate } from '../command/deadlines.ts';
import type { OnEnded } from '../command/ended.ts';
import { sendCommands } from '../command/send.ts';
import { type Services, systemContext } from '../context.ts';
import { askDevices } from '../inventory/ask.ts';
import { advanceOperations } from '../operation/advance.ts';
import { dispatchOperations } from '../operation/dispatch.ts';
import { ClaimLostError } from '../task/claim.ts';
import { applyNews } from './apply.ts';

/**
 * Does everything that is due for the organization's devices. May be called at any time, twice, and on two machines: the
 * newer claim works on and the older one stops at its next write.
 */
export async function driveDevices(services: Services, organizationId: bigint, correlationId: string): Promise<void> {
  const context = systemContext(services, organizationId, 'devices', correlationId);
  const claim = await claimConnection(context, organizationId);
  if (!claim) return;
  services.failpoint('claimed');
  const onEnded: OnEnded = (tx, ended) => advanceOperations(context, tx, ended);
  try {
    for (;;) {
      const applied = await applyNews(context, claim);
      const late = await endLate(context, claim, onEnded);
      const { more } = await dispatchOperations(context, organizationId);
      const asked = await askDevices(context, claim);
      const sent = await sendCommands(context, claim, onEnded);
      if (!applied && !late && !more && !asked && !sent) return;
    }
  } catch (error) {
    if (!(error instanceof ClaimLostError)) throw error;
    context.logger.info({ organizationId: String(organizationId) }, error.message);
  }
}
