/** Looks after an organization's devices until nothing is due. @module */
import { claimConnection } from '../command/claim.ts';
import { type Services, systemContext } from '../context.ts';

/** Does everything that is due for the organization's devices. May be called at any time, twice, and on two machines. */
export async function driveDevices(services: Services, organizationId: bigint, correlationId: string): Promise<void> {
  const context = systemContext(services, organizationId, 'devices', correlationId);
  const claim = await claimConnection(context, organizationId);
  if (!claim) return;
  services.failpoint('claimed');
}
