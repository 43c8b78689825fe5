import type { DeviceFamily } from '../../generated/prisma/enums.ts';
import type { DeviceFacts } from '../mdm-ports.ts';

const families: readonly [RegExp, DeviceFamily][] = [
  [/^ipad/i, 'IPAD'],
  [/^iphone/i, 'IPHONE'],
  [/^ipod/i, 'IPOD'],
  [/^apple ?tv/i, 'APPLE_TV'],
  [/^(mac|imac)/i, 'MAC'],
  [/^(reality|apple vision|vision)/i, 'VISION'],
];

/** What kind of device it says to be; null when it does not say. */
export function familyOf({ modelName, productName }: DeviceFacts): DeviceFamily | null {
  for (const name of [productName, modelName]) {
    const found = families.find(([pattern]) => name !== undefined && pattern.test(name));
    if (found) return found[1];
  }
  return null;
}
