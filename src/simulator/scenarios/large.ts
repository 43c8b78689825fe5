/** The school district grown to any size: more devices, more apps, and as many seats taken as asked for. @module */

import { draft } from './school-apps.ts';
import { schoolDistrict, schoolUnits } from './school-district.ts';
import type { AssetSpec, AssignmentSpec, DeviceSpec, Scenario } from './types.ts';

/** How large. */
export interface Sizes {
  /** Seats taken in the library `own`, beside those of the school district. */
  licenses: number;
  /** Devices in all. */
  devices: number;
}

/** First adamId of the added apps. */
const firstAdamId = 9100000000;
/** The added apps are spread so that each device has one in so many of them. */
const spread = 10;

/** Builds a large district. Rows are made when they are read, so a million costs no memory here. */
export function large(seed: number, sizes: Sizes): Scenario {
  const base = schoolDistrict(seed, sizes.devices);
  const perDevice = Math.ceil(sizes.licenses / Math.max(1, sizes.devices));
  const adamIds = Array.from({ length: perDevice * spread }, (_, index) => String(firstAdamId + index));
  const seats = Math.ceil((Math.ceil(sizes.devices / spread) * 11) / 10);
  const assets = adamIds.map((adamId): AssetSpec => ({ adamId, total: seats }));
  return {
    ...base,
    name: `school-district-${sizes.licenses}-${sizes.devices}`,
    catalog: [...base.catalog, ...adamIds.map((adamId, index) => draft({ adamId, name: `Bulk App ${index + 1}` }))],
    organizationalUnits: base.organizationalUnits.map((unit) =>
      unit.uId === schoolUnits.own
        ? {
            ...unit,
            assets: [...unit.assets, ...assets],
            assignments: chain(unit.assignments, bulk(base.devices, adamIds, sizes.licenses)),
          }
        : unit,
    ),
  };
}

function bulk(devices: readonly DeviceSpec[], adamIds: readonly string[], count: number): Iterable<AssignmentSpec> {
  return {
    *[Symbol.iterator]() {
      for (let index = 0; index < count; index++) {
        const device = index % devices.length;
        const round = Math.floor(index / devices.length);
        const adamId = adamIds[round * spread + (device % spread)]!;
        yield { adamId, serialNumber: devices[device]!.serialNumber };
      }
    },
  };
}

function chain<T>(...parts: Iterable<T>[]): Iterable<T> {
  return {
    *[Symbol.iterator]() {
      for (const part of parts) yield* part;
    },
  };
}
