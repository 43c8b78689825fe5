/** The default scenario: a school district with a library of its own and one that the district provides. @module */
import { plainApps, platformsOf, school, schoolCatalog } from './school-apps.ts';
import { schoolDevices } from './school-devices.ts';
import type {
  AssetSpec,
  AssignmentSpec,
  CatalogItem,
  DeviceSpec,
  OrganizationalUnitSpec,
  Scenario,
  TokenSpec,
} from './types.ts';

/** Library ids of the scenario. */
export const schoolUnits = {
  own: '900000000000000101',
  district: '900000000000000102',
  foreign: '900000000000000103',
  business: '900000000000000104',
} as const;

/** A serial number that holds a seat and is no device of the district. */
export const unlistedSerialNumber = 'SIMUNLISTED1';

/** The user who holds a book and an app. */
export const bookReader = '5f1d7a4e-0000-4000-8000-000000000001';

/** Builds the school district with `devices` devices (600 unless said), the same for the same seed. */
export function schoolDistrict(seed = 1, devices = 600): Scenario {
  const list = schoolDevices(seed, devices);
  return {
    name: 'school-district',
    catalog: schoolCatalog.map((item) => ({ ...item })),
    organizationalUnits: [ownUnit(list), districtUnit(list), foreignUnit(), businessUnit()],
    tokens: tokens(),
    devices: list,
  };
}

function tokens(): TokenSpec[] {
  const orgName = 'Riverbend School District';
  const { own, district, foreign, business } = schoolUnits;
  return [
    { name: 'own', uId: own, orgName, expiresInDays: 335 },
    { name: 'district', uId: district, orgName, expiresInDays: 330 },
    { name: 'expired', uId: own, orgName, expiresInDays: -3 },
    { name: 'revoked', uId: own, orgName, expiresInDays: 200, revoked: true },
    { name: 'read-only', uId: own, orgName, expiresInDays: 320, readOnly: true },
    { name: 'foreign', uId: foreign, orgName, expiresInDays: 310 },
    { name: 'business', uId: business, orgName: 'Riverbend Works', expiresInDays: 325 },
  ];
}

function ownUnit(devices: readonly DeviceSpec[]): OrganizationalUnitSpec {
  return {
    uId: schoolUnits.own,
    name: 'Riverbend Elementary',
    country: 'US',
    platform: 'volumestore',
    managedDomains: ['riverbend.example'],
    assets: ownAssets(),
    users: [
      {
        clientUserId: bookReader,
        status: 'Associated',
        email: 'reader@riverbend.example',
        idHash: 'AAECAwQFBgcICQoLDA0ODxAREhM=',
      },
      {
        clientUserId: '5f1d7a4e-0000-4000-8000-000000000002',
        status: 'Registered',
        inviteCode: '0123456789abcdef0123456789abcdef',
      },
      { clientUserId: '5f1d7a4e-0000-4000-8000-000000000003', status: 'Retired' },
    ],
    assignments: ownAssignments(devices),
  };
}

function ownAssets(): AssetSpec[] {
  const totals: Record<string, AssetSpec | number> = {
    [school.exactly300]: 300,
    [school.oneSeat]: 1,
    [school.twentyFive]: 25,
    [school.ipadOnly]: 400,
    [school.appleTvOnly]: 60,
    [school.macOnly]: 40,
    [school.fallThrough]: 10,
    [school.needsIos17]: 200,
    [school.customApp]: 700,
    [school.withdrawn]: 100,
    [school.germanOnly]: 50,
    [school.notForDevices]: 50,
    [school.usedUp]: 30,
    [school.book]: 20,
    [school.keynote]: 80,
  };
  return schoolCatalog.map((item): AssetSpec => {
    if (item.adamId === school.partlyRetired) return { ...assetOf(item), total: 90, retired: 10 };
    if (item.adamId === school.bookInHighQuality) return { ...assetOf(item), pricingParam: 'PLUS', total: 10 };
    const total = totals[item.adamId];
    return typeof total === 'number' ? { ...assetOf(item), total } : { ...assetOf(item), unlimited: true };
  });
}

/** Seats that somebody else gave earlier. */
function ownAssignments(devices: readonly DeviceSpec[]): AssignmentSpec[] {
  const ipads = devices.filter((device) => device.family === 'IPAD');
  const appleTvs = devices.filter((device) => device.family === 'APPLE_TV');
  const give = (adamId: string, some: readonly DeviceSpec[]) =>
    some.map(({ serialNumber }) => ({ adamId, serialNumber }));
  return [
    ...give(school.usedUp, ipads.slice(0, 30)),
    ...give(plainApps[0]!, ipads.slice(0, 12)),
    ...give(school.ipadOnly, ipads.slice(30, 35)),
    ...give(school.appleTvOnly, appleTvs.slice(0, 3)),
    { adamId: plainApps[1]!, serialNumber: unlistedSerialNumber },
    { adamId: school.book, clientUserId: bookReader },
    { adamId: school.notForDevices, clientUserId: bookReader },
  ];
}

function districtUnit(devices: readonly DeviceSpec[]): OrganizationalUnitSpec {
  const totals: Record<string, number> = {
    [school.fallThrough]: 5000,
    [school.exactly300]: 500,
    [school.twentyFive]: 100,
    [school.needsIos17]: 50,
  };
  const shared = plainApps.slice(0, 6);
  const assets = [...Object.keys(totals), school.universal, ...shared].map((adamId): AssetSpec => {
    const total = totals[adamId];
    return total === undefined ? { ...assetFor(adamId), unlimited: true } : { ...assetFor(adamId), total };
  });
  const someIphones = devices.filter((device) => device.family === 'IPHONE').slice(0, 4);
  return {
    uId: schoolUnits.district,
    name: 'Riverbend District Office',
    country: 'US',
    platform: 'volumestore',
    assets,
    users: [],
    assignments: someIphones.map(({ serialNumber }) => ({ adamId: school.fallThrough, serialNumber })),
  };
}

function foreignUnit(): OrganizationalUnitSpec {
  return {
    uId: schoolUnits.foreign,
    name: 'Riverbend High',
    country: 'US',
    platform: 'volumestore',
    mdmInfo: { id: 'c0ffee00-0000-4000-8000-00000000f0e1', name: 'Another MDM', metadata: 'mdm.elsewhere.example' },
    assets: [
      { ...assetFor(school.twentyFive), total: 40 },
      { ...assetFor(plainApps[2]!), unlimited: true },
    ],
    users: [],
    assignments: [{ adamId: school.twentyFive, serialNumber: 'SIMELSEWHER1' }],
  };
}

function businessUnit(): OrganizationalUnitSpec {
  return {
    uId: schoolUnits.business,
    name: 'Riverbend Works',
    country: 'DE',
    platform: 'enterprisestore',
    assets: [
      { ...assetFor(school.germanOnly), total: 15 },
      { ...assetFor(school.exactly300), total: 20 },
      { ...assetFor(school.universal), unlimited: true },
    ],
    users: [],
    assignments: [],
  };
}

function assetFor(adamId: string): AssetSpec {
  return assetOf(schoolCatalog.find((item) => item.adamId === adamId)!);
}

function assetOf(item: CatalogItem): AssetSpec {
  return {
    adamId: item.adamId,
    productType: item.productType,
    deviceAssignable: item.productType === 'App' && item.deviceLicensing,
    revocable: item.productType === 'App',
    supportedPlatforms: item.variants.length > 0 ? platformsOf(item) : ['iOS'],
  };
}
