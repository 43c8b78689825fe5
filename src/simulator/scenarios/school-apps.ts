/**
 * The store items of the school district. All are invented, ids from 9000000001 up, except where `source` names the
 * public place where a real adamId and bundle id were read. @module
 */
import type { CatalogItem, CatalogVariant, Platform } from './types.ts';

/** AdamIds of the items that tests and the documentation speak of. */
export const school = {
  /** Universal, exactly 300 seats in `own`. */
  exactly300: '9000000001',
  /** One seat in all. */
  oneSeat: '9000000002',
  /** 25 seats. */
  twentyFive: '9000000003',
  /** For iPads only. */
  ipadOnly: '9000000004',
  /** For Apple TVs only. */
  appleTvOnly: '9000000005',
  /** For Macs only. */
  macOnly: '9000000006',
  /** iOS, macOS and tvOS with a bundle id each; free and unlimited. */
  universal: '9000000007',
  /** Paid; 10 seats in `own`, 5000 in `district`. */
  fallThrough: '9000000008',
  /** Needs iOS 17. */
  needsIos17: '9000000009',
  /** A custom app: metadata only with the `itvt` cookie. */
  customApp: '9000000010',
  /** Removed from sale: metadata only with the `itvt` cookie. */
  withdrawn: '9000000011',
  /** Sold in the German storefront only. */
  germanOnly: '9000000012',
  /** Its developer allows licenses for people only. */
  notForDevices: '9000000013',
  /** Has retired seats. */
  partlyRetired: '9000000014',
  /** 30 seats, all taken. */
  usedUp: '9000000015',
  /** A book in standard quality; one copy is given to a user. */
  book: '9000000101',
  /** A book in high quality. */
  bookInHighQuality: '9000000102',
  /** Keynote for the Mac, a real item. */
  keynote: '409183694',
} as const;

type Families = readonly ('iphone' | 'ipad' | 'mac' | 'tvos')[];

interface Draft {
  adamId: string;
  name: string;
  families?: Families;
  price?: number;
  minimumOS?: string;
  genre?: string;
  rest?: Partial<CatalogItem>;
}

const universal: Families = ['iphone', 'ipad'];

const special: readonly Draft[] = [
  { adamId: school.exactly300, name: 'Lantern Notes', price: 4.99 },
  { adamId: school.oneSeat, name: 'One Seat Studio', price: 49.99 },
  { adamId: school.twentyFive, name: 'Pocket Planetarium', price: 2.99 },
  { adamId: school.ipadOnly, name: 'Sketch Atelier', families: ['ipad'], price: 9.99 },
  { adamId: school.appleTvOnly, name: 'Lobby Signage', families: ['tvos'], price: 19.99, minimumOS: '15.0' },
  { adamId: school.macOnly, name: 'Stage Prompter', families: ['mac'], price: 29.99, minimumOS: '13.0' },
  { adamId: school.universal, name: 'Orbit Classroom', families: ['iphone', 'ipad', 'mac', 'tvos'] },
  { adamId: school.fallThrough, name: 'Times Tables Trainer', price: 1.99 },
  { adamId: school.needsIos17, name: 'Lens Lab', price: 3.99, minimumOS: '17.0' },
  { adamId: school.customApp, name: 'District Gradebook', rest: { customApp: true, artistName: 'Riverbend Schools' } },
  { adamId: school.withdrawn, name: 'Retro Typing Tutor', price: 0.99, rest: { withdrawn: true } },
  { adamId: school.germanOnly, name: 'Dialekt Atlas', price: 2.99, rest: { storefronts: ['de'] } },
  { adamId: school.notForDevices, name: 'Family Journal', price: 1.99, rest: { deviceLicensing: false } },
  { adamId: school.partlyRetired, name: 'Attendance Beacon', price: 0.99 },
  { adamId: school.usedUp, name: 'Fraction Kitchen', price: 2.99 },
];

const plainNames = [
  'Spelling Bee Hive',
  'Map Weaver',
  'Chord Garden',
  'Paper Microscope',
  'River Journal',
  'Word Lattice',
  'Number Orchard',
  'Quiet Reader',
  'Weather Desk',
  'Stop Motion Barn',
  'Gravity Playground',
  'Verb Harbor',
  'Volcano Model Kit',
  'Bird Call Notebook',
  'Bridge Bench',
  'Timeline Loom',
  'Library Lamp',
  'Choir Room',
  'Geometry Sandbox',
  'Hall Pass Desk',
  'Poster Press',
  'Robot Recipes',
  'Tide Table',
  'Debate Clock',
];

/** AdamIds of the ordinary apps, all free and universal. */
export const plainApps: readonly string[] = plainNames.map((_, index) => String(9000000016 + index));

const keynote: CatalogItem = {
  ...draft({ adamId: school.keynote, name: 'Keynote', families: ['mac'], minimumOS: '14.0' }),
  artistName: 'Apple',
  variants: [variant('macOS', 'com.apple.iWork.Keynote', ['mac'], '14.0', 0)],
  source:
    'adamId: handyandy87/Pro-Apps-App-External-IDs, README.md; adamId with bundle id: kdeldycke/meta-package-manager, ' +
    'meta_package_manager/managers/mas.py. Version and prices are invented.',
};

/** Every store item of the district: 40 apps and two books. */
export const schoolCatalog: readonly CatalogItem[] = [
  ...special.map(draft),
  ...plainNames.map((name, index) => draft({ adamId: plainApps[index]!, name })),
  keynote,
  book(school.book, 'A Field Guide to Invented Birds'),
  book(school.bookInHighQuality, 'Fractions You Can Eat'),
];

/** The platforms of an item, as `supportedPlatforms` lists them. */
export function platformsOf(item: CatalogItem): Platform[] {
  return item.variants.map((one) => one.platform);
}

/** An invented app from a few words. */
export function draft({
  adamId,
  name,
  families = universal,
  price = 0,
  minimumOS = '15.0',
  genre,
  rest,
}: Draft): CatalogItem {
  const slug = name.toLowerCase().replace(/[^a-z0-9]/g, '');
  const number = Number(adamId) % 1000;
  const mobile = families.filter((family) => family === 'iphone' || family === 'ipad');
  const variants: CatalogVariant[] = [];
  if (mobile.length > 0) variants.push(variant('iOS', `example.invented.${slug}`, mobile, minimumOS, number));
  if (families.includes('mac'))
    variants.push(variant('macOS', `example.invented.${slug}.mac`, ['mac'], '13.0', number));
  if (families.includes('tvos'))
    variants.push(variant('tvOS', `example.invented.${slug}.tv`, ['tvos'], '15.0', number));
  return {
    adamId,
    productType: 'App',
    name,
    artistName: `Invented Software No. ${(number % 7) + 1}`,
    genre: genre ?? 'Education',
    price,
    variants,
    customApp: false,
    withdrawn: false,
    deviceLicensing: true,
    ...rest,
  };
}

function variant(
  platform: Platform,
  bundleId: string,
  deviceFamilies: string[],
  minimumOSVersion: string,
  number: number,
): CatalogVariant {
  const version = `${1 + (number % 6)}.${number % 10}.${number % 3}`;
  return { platform, bundleId, version, externalId: 800000000 + number * 10, minimumOSVersion, deviceFamilies };
}

function book(adamId: string, name: string): CatalogItem {
  return {
    adamId,
    productType: 'Book',
    name,
    artistName: 'Nobody in Particular',
    genre: 'Reference',
    price: 5.99,
    variants: [],
    customApp: false,
    withdrawn: false,
    deviceLicensing: false,
  };
}
