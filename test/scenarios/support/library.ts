/** The two small libraries of the scenarios, which have some apps in common. @module */
import type { Scenario } from '../../../src/simulator/index.ts';

/** Names of the tokens. */
export const tokenNames = ['north', 'south'] as const;

/** The libraries at Apple, in the order of the tokens. */
export const libraries = ['940000000000000001', '940000000000000002'] as const;

/** Apps: scarce ones, one with plenty, and a free one. */
export const adamIds = ['9400000001', '9400000002', '9400000003', '9400000004'] as const;

/** Serial numbers of all devices. */
export const serials = Array.from({ length: 16 }, (_, index) => `SCENARIO${String(index).padStart(4, '0')}`);

const seats = [6, 12, 60];

/** Apple's side at the start: some seats are taken. */
export const scenario: Scenario = {
  name: 'bad-days',
  catalog: [],
  devices: [],
  tokens: tokenNames.map((name, index) => ({ name, uId: libraries[index]!, orgName: name, expiresInDays: 300 })),
  organizationalUnits: libraries.map((uId, index) => ({
    uId,
    name: tokenNames[index]!,
    country: 'US',
    platform: 'volumestore' as const,
    assets: adamIds.map((adamId, place) =>
      place < 3 ? { adamId, total: seats[place]! } : { adamId, unlimited: true },
    ),
    users: [],
    assignments: serials.slice(index * 4, index * 4 + 3).map((serialNumber) => ({ adamId: adamIds[2], serialNumber })),
  })),
};
