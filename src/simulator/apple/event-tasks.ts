/** What one task of an event does to a library, under the options. @module */
import type { SimulatorOptions } from '../options.ts';
import type { AppleEvent, EventTask } from './events.ts';
import type { OrganizationalUnit, SeatOutcome } from './organizational-unit.ts';

/** Does one task; the answer is an error number, or undefined for success. */
export function runTask(
  unit: OrganizationalUnit,
  options: SimulatorOptions,
  event: AppleEvent,
  { asset, target }: Required<Pick<EventTask, 'asset' | 'target'>>,
  at: number,
): number | undefined {
  if (event.type === 'ASSOCIATE') {
    const outcome = unit.associate(asset.adamId, asset.pricingParam, target, at);
    return errorOf(outcome, options, options.repeatAssociate === 'failure' ? 9616 : undefined);
  }
  const outcome = unit.disassociate(asset.adamId, asset.pricingParam, target, at);
  const strict = event.type === 'DISASSOCIATE' && options.disassociateUnassigned === 'failure';
  return errorOf(outcome, options, strict ? 9619 : undefined);
}

function errorOf(outcome: SeatOutcome, options: SimulatorOptions, already: number | undefined): number | undefined {
  switch (outcome) {
    case 'done':
      return undefined;
    case 'already':
      return already;
    case 'no-seat':
      return 9709;
    case 'unknown-asset':
      return options.unknownAssetNumber;
    case 'unknown-user':
      return options.unknownUserNumber;
  }
}
