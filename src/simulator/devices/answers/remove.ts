/** RemoveApplication (MDM sheet §1.4). @module */
import type { PlistDict } from '../../../lib/plist.ts';
import { compareVersions, isLoading } from '../device.ts';
import { type Answer, acknowledged, failed, malformed, type Scene } from './types.ts';

/** Answers the command. */
export function removeApplication({ device }: Scene, { Identifier: bundleId }: PlistDict): Answer {
  if (typeof bundleId !== 'string') return malformed;
  const app = device.apps.get(bundleId);
  if (app && isLoading(app.status)) {
    return failed([
      { domain: 'MCMDMErrorDomain', code: 12036, text: 'The app can not be removed in its current state.' },
    ]);
  }
  const mayTakeForeign = device.supervised && compareVersions(device.osVersion, '26') >= 0;
  if (!app || (app.status === null && !mayTakeForeign)) {
    return failed([{ domain: 'MCMDMErrorDomain', code: 12029, text: 'The app is not managed.' }]);
  }
  app.round++;
  device.apps.delete(bundleId);
  return acknowledged({ Identifier: bundleId });
}
