/** The devices of the school district: made up by the seed, some of them old. @module */
import { createRandom, type Random } from '../random.ts';
import type { DeviceSpec } from './types.ts';

interface Kind {
  family: DeviceSpec['family'];
  label: string;
  models: readonly string[];
  /** The first ones are the oldest, and each occurs at least once in a dozen devices. */
  osVersions: readonly string[];
}

const kinds: Record<'ipad' | 'iphone' | 'appleTv', Kind> = {
  ipad: {
    family: 'IPAD',
    label: 'iPad',
    models: ['iPad13,18', 'iPad12,1', 'iPad14,8', 'iPad11,6'],
    osVersions: ['8.4.1', '9.3.6', '12.5.7', '15.8.3', '16.7.10', '17.7.2', '18.7.1', '26.1', '26.1', '26.1'],
  },
  iphone: {
    family: 'IPHONE',
    label: 'iPhone',
    models: ['iPhone14,6', 'iPhone15,4', 'iPhone17,5'],
    osVersions: ['12.5.7', '15.8.3', '16.7.10', '18.7.1', '26.1', '26.1'],
  },
  appleTv: {
    family: 'APPLE_TV',
    label: 'Apple TV',
    models: ['AppleTV11,1', 'AppleTV14,1'],
    osVersions: ['10.1.1', '16.6', '17.6.1', '26.1', '26.1'],
  },
};

/** Makes 70 % iPads, 20 % iPhones and 10 % Apple TVs; 600 are 420, 120 and 60. */
export function schoolDevices(seed: number, count: number): DeviceSpec[] {
  const random = createRandom(seed ^ 0x5eed);
  const taken = new Set<string>();
  return Array.from({ length: count }, (_, index) => {
    const kind = kindAt(index);
    return {
      serialNumber: serialNumber(random, taken),
      family: kind.family,
      model: random.pick(kind.models),
      osVersion: kind.osVersions[Math.floor(index / 10) % kind.osVersions.length]!,
      name: `Room ${String(100 + Math.floor(index / 30))} ${kind.label} ${(index % 30) + 1}`,
    };
  });
}

function kindAt(index: number): Kind {
  const place = index % 10;
  if (place < 7) return kinds.ipad;
  return place < 9 ? kinds.iphone : kinds.appleTv;
}

const letters = '0123456789CDFGHJKLMNPQRTVWXY';

/** Twelve characters; the start `SIM` is nothing that Apple issues. */
function serialNumber(random: Random, taken: Set<string>): string {
  for (;;) {
    let text = 'SIM';
    for (let place = 0; place < 9; place++) text += letters[random.integer(letters.length)];
    if (taken.has(text)) continue;
    taken.add(text);
    return text;
  }
}
