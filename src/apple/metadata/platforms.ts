/** Apple's platforms and the device families that run them (fact sheet §16). @module */

/** Which platform a device family runs. Watch and headset have no variant of their own. */
export const platformOfFamily: Readonly<Record<string, string>> = {
  iphone: 'ios',
  ipad: 'ios',
  ipod: 'ios',
  mac: 'osx',
  tvos: 'appletvos',
  appletv: 'appletvos',
};

/** The families of one platform; those without a platform of their own count for `main`. */
export function familiesOf(platform: string, families: readonly string[], main: string): string[] {
  return families.filter((family) => (platformOfFamily[family] ?? main) === platform);
}
