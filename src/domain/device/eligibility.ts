/** What a device must be to hold a device license. @module */

/** Device families as stored. */
export type Family = 'IPAD' | 'IPHONE' | 'IPOD' | 'MAC' | 'APPLE_TV' | 'VISION' | 'UNKNOWN';

/** Oldest system that can hold a device license, by family (decisions §1.19; macOS and tvOS still to be verified with Apple). */
export const minimumOs: Partial<Record<Family, string>> = {
  IPAD: '9.0',
  IPHONE: '9.0',
  IPOD: '9.0',
  MAC: '10.11',
  APPLE_TV: '10.2',
};

const platformOf: Partial<Record<Family, readonly string[]>> = {
  IPAD: ['iOS'],
  IPHONE: ['iOS'],
  IPOD: ['iOS'],
  MAC: ['macOS'],
  APPLE_TV: ['tvOS'],
  VISION: ['visionOS', 'iOS'],
};

/** Compares versions number by number: 9.0 < 10.0, 8.4.1 < 9.0. Negative when `a` is older. Null when one is no version. */
export function compareVersions(a: string, b: string): number | null {
  const left = parts(a);
  const right = parts(b);
  if (!left || !right) return null;
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function parts(version: string): number[] | null {
  const match = /^\s*(\d+(?:\.\d+)*)/.exec(version);
  return match ? match[1]!.split('.').map(Number) : null;
}

/** The oldest system the device would need, or null when it may hold a license. An unknown system is allowed. */
export function requiredOs(device: { family: Family; osVersion: string | null }): string | null {
  const required = minimumOs[device.family];
  if (!required || device.osVersion === null) return null;
  const order = compareVersions(device.osVersion, required);
  return order !== null && order < 0 ? required : null;
}

/** The platforms whose apps run on such a device; null when that is not known. */
export const platformsOf = (family: Family): readonly string[] | null => platformOf[family] ?? null;

/** The platform under which storefronts tell of apps for such a device. */
export const storePlatformOf = (family: Family): string =>
  family === 'MAC' ? 'osx' : family === 'APPLE_TV' ? 'appletvos' : 'ios';

/** Whether the app runs on the device's platform. Unknown families and apps without stated platforms are allowed. */
export function runsOn(device: { family: Family }, supportedPlatforms: readonly string[]): boolean {
  const wanted = platformOf[device.family];
  if (!wanted || supportedPlatforms.length === 0) return true;
  return wanted.some((platform) => supportedPlatforms.includes(platform));
}
