/** What a simulated world starts with. A scenario is plain data; all time in it is relative to the clock. @module */

/** Where an asset runs, in Apple's spelling of `supportedPlatforms`. */
export type Platform = 'iOS' | 'macOS' | 'tvOS' | 'watchOS' | 'visionOS';

/** `STDQ` is what software always has; `PLUS` is the high quality of a book. */
export type PricingParam = 'STDQ' | 'PLUS';

/** What identifies the device management service that claimed a library. */
export interface MdmInfo {
  id: string;
  name: string;
  metadata: string;
}

/** One store item as it is on one platform. */
export interface CatalogVariant {
  platform: Platform;
  bundleId: string;
  /** What a person sees, e.g. `4.2`. */
  version: string;
  /** The store's number of that version; rises with each version. */
  externalId: number;
  minimumOSVersion: string;
  /** Apple's family words: `iphone`, `ipad`, `mac`, `tvos`. */
  deviceFamilies: string[];
  /** ISO time; absent for a version that was always there. */
  releasedAt?: string;
  /** What older devices still get, oldest first. */
  earlier?: EarlierVersion[];
  /** What differs in a lower-case country. */
  storefronts?: Record<string, Partial<EarlierVersion>>;
}

/** A version of an app on one platform. */
export interface EarlierVersion {
  version: string;
  externalId: number;
  minimumOSVersion: string;
  releasedAt?: string;
}

/** A store item, whoever owns licenses for it. */
export interface CatalogItem {
  adamId: string;
  productType: 'App' | 'Book';
  name: string;
  artistName: string;
  genre: string;
  /** Price in the storefront's currency; 0 is free. */
  price: number;
  variants: CatalogVariant[];
  /** A custom app: visible only to its owners, with the `itvt` cookie. */
  customApp: boolean;
  /** Removed from sale: visible only to its owners, with the `itvt` cookie. */
  withdrawn: boolean;
  /** Lower-case countries that sell it; absent means everywhere. */
  storefronts?: string[];
  /** Whether the developer allows licenses for devices. */
  deviceLicensing: boolean;
  /** Where a real adamId and bundle id were read; absent for invented items. */
  source?: string;
}

/** A row of `GET /assets`: one (adamId, pricingParam) that a library owns. */
export interface AssetSpec {
  adamId: string;
  pricingParam?: PricingParam;
  productType?: 'App' | 'Book';
  /** Seats, retired ones not included. Ignored when `unlimited`. */
  total?: number;
  unlimited?: boolean;
  retired?: number;
  deviceAssignable?: boolean;
  revocable?: boolean;
  supportedPlatforms?: Platform[];
}

/** A seat that is taken at the start; exactly one of the two targets. */
export interface AssignmentSpec {
  adamId: string;
  pricingParam?: PricingParam;
  serialNumber?: string;
  clientUserId?: string;
}

/** Apple's states of a user. */
export type UserStatus = 'Registered' | 'Associated' | 'Retired' | 'Deleted';

/** A row of `GET /users`. */
export interface UserSpec {
  clientUserId: string;
  status: UserStatus;
  email?: string;
  idHash?: string;
  inviteCode?: string;
}

/** A library of licenses (Apple: organizational unit). */
export interface OrganizationalUnitSpec {
  /** Decimal text of up to 18 digits. */
  uId: string;
  name: string;
  /** ISO country of two capitals. */
  country: string;
  /** `volumestore` is a school, `enterprisestore` a business. */
  platform: 'volumestore' | 'enterprisestore';
  mdmInfo?: MdmInfo;
  /** Domains of the organization's own (managed) Apple Accounts. */
  managedDomains?: string[];
  assets: AssetSpec[];
  users: UserSpec[];
  /** May be lazy, so that a million rows need not exist as objects. */
  assignments: Iterable<AssignmentSpec>;
}

/** A content token that exists at the start. */
export interface TokenSpec {
  name: string;
  uId: string;
  orgName: string;
  /** Days from the clock's start; negative for an expired one. */
  expiresInDays: number;
  revoked?: boolean;
  readOnly?: boolean;
}

/** A device that the organization has; Apple's service never checks against this list. */
export interface DeviceSpec {
  serialNumber: string;
  family: 'IPAD' | 'IPHONE' | 'APPLE_TV' | 'MAC';
  /** Apple's model identifier, e.g. `iPad13,18`. */
  model: string;
  osVersion: string;
  name: string;
}

/** A whole world at its start. */
export interface Scenario {
  /** Name and sizes, e.g. `school-district`; a state file belongs to one of them. */
  name: string;
  catalog: CatalogItem[];
  organizationalUnits: OrganizationalUnitSpec[];
  tokens: TokenSpec[];
  devices: DeviceSpec[];
}
