/**
 * Reads that many objects of one answer need, gathered into one statement. Nothing is remembered: the context of a
 * subscription lives for hours, and each event must see the present.
 * @module
 */
import DataLoader from 'dataloader';
import type { Rows } from '../db/rows.ts';
import type { ScopedClient } from '../domain/access/scoped-client.ts';
import { type AppCounts, countApps, noSeats } from '../domain/app/counts.ts';
import { type AppForecast, readForecasts } from '../domain/app/forecast.ts';
import { type PoolOfToken, readPools, readPoolsOfApps } from '../domain/app/pool-row.ts';
import { type AppRow, readApps } from '../domain/app/row.ts';
import { type CommandRow, countCommandsOf, listCommandsOf } from '../domain/command/row.ts';
import type { Services } from '../domain/context.ts';
import { type Coverage, type DeploymentRow, readCoverage, readDeployments } from '../domain/deployment/row.ts';
import { type DeviceRow, readDevices } from '../domain/device/row.ts';
import { countQuotasOf, listQuotasOf, type QuotaRow } from '../domain/device-group/quota.ts';
import {
  countDevicesOfGroups,
  type DeviceGroupRow,
  listDevicesOfGroups,
  readGroups,
  readGroupsOfDevices,
} from '../domain/device-group/row.ts';
import { type EnrollmentRow, readEnrollmentsOf } from '../domain/enrollment/row.ts';
import type { TokenHoldings } from '../domain/errors.ts';
import { countInstalled, type InstalledCounts } from '../domain/inventory/counts.ts';
import { type BundleWindow, countInstalledOf, type InstalledAppRow, listInstalledOf } from '../domain/inventory/row.ts';
import { readHoldings } from '../domain/license/holdings.ts';
import { type LicenseWithParts, readLicenses } from '../domain/license/row.ts';
import { type LedgerRowWithApp, readTimelines, type TimelineQuestion } from '../domain/license/timeline.ts';
import { countWaiting, listWaiting, type WaitingRow, type WaitingWindow } from '../domain/license/waiting-row.ts';
import { readWebhooks, type WebhookRow } from '../domain/notification/row.ts';
import {
  countOperationsOf,
  listCommandsOfOperations,
  listOperationsOf,
  type OperationOwner,
  type OperationRow,
  readOperations,
} from '../domain/operation/row.ts';
import { type ReclaimRuleRow, type ReclaimRunRow, readRules, readRuns } from '../domain/reclaim/rule.ts';
import {
  countSeatSubscriptionsOf,
  countSeatsOf,
  listSeatSubscriptionsOf,
  listSeatsOf,
} from '../domain/seat/list-of.ts';
import {
  type DeferredSeats,
  readDeferredSeats,
  readSeatLibraries,
  readSeatSubscriptions,
  readSeats,
  type SeatLibraryRow,
  type SeatRow,
  type SeatSubscriptionRow,
} from '../domain/seat/row.ts';
import { readTokenHoldings } from '../domain/token/holdings.ts';
import {
  countNoticesOf,
  listNoticesOf,
  type NoticeRow,
  type NoticeWindow,
  readNotices,
} from '../domain/token/notices.ts';
import { countReservesOf, listReservesOf, type ReserveRow } from '../domain/token/reserve.ts';
import { readTokens, readTokensOfTasks, type TokenRow } from '../domain/token/row.ts';
import { type PolicyRow, readPoliciesByIds } from '../domain/update/policy.ts';
import { type RolloutRow, readRollouts } from '../domain/update/rollout-row.ts';
import { countDevicesOfPeople, listDevicesOfPeople, readOwners } from '../domain/vpp-user/devices.ts';
import { type Invitation, readInvitations } from '../domain/vpp-user/invitation.ts';
import {
  countVppUserRecordsOf,
  listVppUserRecordsOf,
  readVppUsers,
  type VppUserRecordRow,
  type VppUserRow,
} from '../domain/vpp-user/row.ts';
import type { AppMetadata } from '../generated/prisma/client.ts';
import { type AskOwner, askedAlike } from './asked-alike.ts';
import { createLicensePages, type LicensePages } from './license-pages.ts';
import { type OwnedByState, type OwnedList, ownedByState, ownedList } from './owned-lists.ts';

/** One app, counted over all tokens or over one. */
export interface CountKey {
  appId: bigint;
  tokenId: bigint | null;
}

/** Whether a device holds a license of an app. */
export interface HolderKey {
  appId: bigint;
  deviceId: bigint;
}

/** The forecast of an app as of now. */
export interface ForecastKey {
  appId: bigint;
  now: Date;
}

/** The gathered reads of one operation. */
export interface Loaders {
  apps: DataLoader<bigint, AppRow | null>;
  tokens: DataLoader<bigint, TokenRow | null>;
  /** By the ids of the tokens. */
  webhooks: DataLoader<bigint, WebhookRow | null>;
  tokenNotices: DataLoader<bigint, NoticeRow | null>;
  tokenHoldings: DataLoader<bigint, TokenHoldings>;
  pools: DataLoader<bigint, PoolOfToken | null>;
  devices: DataLoader<bigint, DeviceRow | null>;
  licenses: DataLoader<bigint, LicenseWithParts | null>;
  vppUsers: DataLoader<bigint, VppUserRow | null>;
  invitations: DataLoader<bigint, Invitation | null>;
  seatSubscriptions: DataLoader<bigint, SeatSubscriptionRow | null>;
  seats: DataLoader<bigint, SeatRow | null>;
  seatLibraries: DataLoader<bigint, SeatLibraryRow | null>;
  deferredSeats: DataLoader<bigint, DeferredSeats | null>;
  poolsOfApp: DataLoader<bigint, PoolOfToken[]>;
  variantsOfApp: DataLoader<bigint, AppMetadata[]>;
  tokensOfTask: DataLoader<bigint, TokenRow[]>;
  deployments: DataLoader<bigint, DeploymentRow | null>;
  reclaimRules: DataLoader<bigint, ReclaimRuleRow | null>;
  reclaimRuns: DataLoader<bigint, ReclaimRunRow | null>;
  coverages: DataLoader<bigint, Coverage>;
  deviceGroups: DataLoader<bigint, DeviceGroupRow | null>;
  updatePolicies: DataLoader<bigint, PolicyRow | null>;
  updateRollouts: DataLoader<bigint, RolloutRow | null>;
  groupsOfDevice: DataLoader<bigint, DeviceGroupRow[]>;
  enrollmentOfDevice: DataLoader<bigint, EnrollmentRow | null>;
  commandsOfDevice: OwnedByState<CommandRow, CommandRow['state']>;
  operations: DataLoader<bigint, OperationRow | null>;
  operationsOfDevice: OwnedByState<OperationRow, OperationRow['state']>;
  operationsOfApp: OwnedByState<OperationRow, OperationRow['state']>;
  operationsOfTask: OwnedByState<OperationRow, OperationRow['state']>;
  commandsOfOperation: DataLoader<bigint, CommandRow[]>;
  installedOfDevice: OwnedList<InstalledAppRow, BundleWindow>;
  installedCounts: DataLoader<bigint, InstalledCounts>;
  recordsOfVppUser: OwnedList<VppUserRecordRow>;
  personOfDevice: DataLoader<bigint, bigint | null>;
  devicesOfVppUser: OwnedList<DeviceRow>;
  seatSubscriptionsOfToken: OwnedList<SeatSubscriptionRow>;
  seatsOfUser: OwnedList<SeatRow>;
  reservesOfToken: OwnedList<ReserveRow>;
  noticesOfToken: OwnedList<NoticeRow, NoticeWindow>;
  quotasOfGroup: OwnedList<QuotaRow>;
  devicesOfGroup: OwnedList<DeviceRow>;
  waitingForApp: OwnedList<WaitingRow, WaitingWindow>;
  waitingInTask: OwnedList<WaitingRow, WaitingWindow>;
  timelines: AskOwner<TimelineQuestion, LedgerRowWithApp[]>;
  forecasts: DataLoader<ForecastKey, AppForecast>;
  counts: DataLoader<CountKey, AppCounts>;
  holdings: DataLoader<HolderKey, boolean>;
  licensePages: LicensePages;
}

/** Makes the loaders of one operation. */
export function createLoaders(
  rows: Rows,
  db: () => ScopedClient,
  services: () => Services,
  organizationId: bigint,
): Loaders {
  const owned = <Row, Window>(
    list: (reader: Rows, of: bigint, ids: readonly bigint[], window: Window) => Promise<Map<bigint, Row[]>>,
    count: (reader: Rows, of: bigint, ids: readonly bigint[]) => Promise<Map<bigint, bigint>>,
  ) =>
    ownedList<Row, Window>(
      (ids, window) => list(rows, organizationId, ids, window),
      (ids) => count(rows, organizationId, ids),
    );
  const waiting = (kind: 'app' | 'task') =>
    ownedList<WaitingRow, WaitingWindow>(
      (ownerIds, window) => listWaiting(rows, organizationId, { kind, ownerIds }, window),
      (ownerIds) => countWaiting(rows, organizationId, { kind, ownerIds }),
    );
  const operations = (owner: OperationOwner) =>
    ownedByState<OperationRow, OperationRow['state']>(
      (ids, window, states) => listOperationsOf(rows, organizationId, owner, ids, window, states),
      (ids, states) => countOperationsOf(rows, organizationId, owner, ids, states),
    );
  return {
    apps: one((ids) => readApps(rows, organizationId, ids)),
    tokens: one((ids) => readTokens(rows, organizationId, ids)),
    tokenHoldings: gathered((ids) => readTokenHoldings(rows, organizationId, ids)),
    webhooks: one((ids) => readWebhooks(rows, organizationId, ids)),
    tokenNotices: one((ids) => readNotices(rows, organizationId, ids)),
    pools: one((ids) => readPools(rows, organizationId, ids)),
    devices: one((ids) => readDevices(rows, organizationId, ids)),
    licenses: one((ids) => readLicenses(rows, organizationId, ids)),
    vppUsers: one((ids) => readVppUsers(rows, organizationId, ids)),
    invitations: gathered((ids) => readInvitations(services(), organizationId, ids)),
    seatSubscriptions: one((ids) => readSeatSubscriptions(rows, organizationId, ids)),
    seats: one((ids) => readSeats(rows, organizationId, ids)),
    seatLibraries: one((ids) => readSeatLibraries(rows, organizationId, ids)),
    deferredSeats: one((ids) => readDeferredSeats(rows, organizationId, ids)),
    poolsOfApp: many(
      (ids) => readPoolsOfApps(rows, organizationId, ids),
      (pool) => pool.appId,
    ),
    variantsOfApp: many(
      (ids) =>
        db().appMetadata.findMany({
          where: { appId: { in: [...ids] } },
          orderBy: [{ storefront: 'asc' }, { platform: 'asc' }],
        }),
      (variant) => variant.appId,
    ),
    tokensOfTask: many(
      (ids) => readTokensOfTasks(rows, organizationId, ids),
      (token) => token.taskId,
    ),
    reclaimRules: one((ids) => readRules(rows, organizationId, ids)),
    reclaimRuns: one((ids) => readRuns(rows, organizationId, ids)),
    deployments: one((ids) => readDeployments(rows, organizationId, ids)),
    coverages: gathered((ids) => readCoverage(rows, organizationId, services().clock.now(), ids)),
    deviceGroups: one((ids) => readGroups(rows, organizationId, ids)),
    updatePolicies: one((ids) => readPoliciesByIds(rows, organizationId, ids)),
    updateRollouts: one((ids) => readRollouts(rows, organizationId, ids)),
    groupsOfDevice: many(
      (ids) => readGroupsOfDevices(rows, organizationId, ids),
      (group) => group.deviceId,
    ),
    enrollmentOfDevice: gathered(async (ids) => {
      const found = await readEnrollmentsOf(rows, organizationId, ids);
      const byDevice = new Map(found.map((row) => [row.deviceId, row]));
      return ids.map((id) => byDevice.get(id) ?? null);
    }),
    commandsOfDevice: ownedByState(
      (ids, window, states) => listCommandsOf(rows, organizationId, ids, window, states),
      (ids, states) => countCommandsOf(rows, organizationId, ids, states),
    ),
    operations: one((ids) => readOperations(rows, organizationId, ids)),
    operationsOfDevice: operations('device'),
    operationsOfApp: operations('app'),
    operationsOfTask: operations('task'),
    commandsOfOperation: many(
      (ids) => listCommandsOfOperations(rows, organizationId, ids),
      (command) => command.operationId,
    ),
    installedOfDevice: owned(listInstalledOf, countInstalledOf),
    installedCounts: gathered((ids) => countInstalled(rows, organizationId, ids)),
    personOfDevice: gathered(async (ids) => {
      const found = await readOwners(rows, organizationId, ids);
      return ids.map((id) => found.get(id) ?? null);
    }),
    devicesOfVppUser: owned(listDevicesOfPeople, countDevicesOfPeople),
    recordsOfVppUser: owned(listVppUserRecordsOf, countVppUserRecordsOf),
    seatSubscriptionsOfToken: owned(listSeatSubscriptionsOf, countSeatSubscriptionsOf),
    seatsOfUser: owned(listSeatsOf, countSeatsOf),
    reservesOfToken: owned(listReservesOf, countReservesOf),
    noticesOfToken: owned(listNoticesOf, countNoticesOf),
    quotasOfGroup: owned(listQuotasOf, countQuotasOf),
    devicesOfGroup: owned(listDevicesOfGroups, countDevicesOfGroups),
    waitingForApp: waiting('app'),
    waitingInTask: waiting('task'),
    timelines: askedAlike<TimelineQuestion, LedgerRowWithApp[]>(
      (ownerIds, { kind, window, withApp }) => readTimelines(rows, { organizationId, kind, ownerIds }, window, withApp),
      [],
    ),
    forecasts: gathered(async (keys) => {
      const appIds = keys.map(({ appId }) => appId);
      const found = await readForecasts(rows, organizationId, appIds, keys[0]!.now);
      const byApp = new Map(found.map((one) => [one.appId, one]));
      return appIds.map((id) => byApp.get(id)!);
    }),
    counts: gathered((keys) => loadCounts(rows, organizationId, keys)),
    holdings: gathered((keys) => readHoldings(rows, organizationId, keys)),
    licensePages: createLicensePages(rows, organizationId),
  };
}

function gathered<Key, Value>(load: (keys: readonly Key[]) => Promise<Value[]>): DataLoader<Key, Value> {
  return new DataLoader(load, { cache: false, maxBatchSize: 1000 });
}

/** Loads rows by their ids; null for an id that no row has. */
function one<Row extends { id: bigint }>(
  read: (ids: readonly bigint[]) => Promise<Row[]>,
): DataLoader<bigint, Row | null> {
  return gathered(async (ids) => {
    const found = new Map((await read(ids)).map((row) => [row.id, row]));
    return ids.map((id) => found.get(id) ?? null);
  });
}

/** Loads the rows that belong to each of many, in the order in which they are read. */
function many<Row>(
  read: (ids: readonly bigint[]) => Promise<Row[]>,
  ownerOf: (row: Row) => bigint,
): DataLoader<bigint, Row[]> {
  return gathered(async (ids) => {
    const found = new Map<bigint, Row[]>(ids.map((id) => [id, []]));
    for (const row of await read(ids)) found.get(ownerOf(row))?.push(row);
    return ids.map((id) => found.get(id)!);
  });
}

async function loadCounts(rows: Rows, organizationId: bigint, keys: readonly CountKey[]): Promise<AppCounts[]> {
  const found = new Map<bigint | null, Map<bigint, AppCounts>>();
  for (const tokenId of new Set(keys.map((key) => key.tokenId))) {
    const appIds = keys.filter((key) => key.tokenId === tokenId).map((key) => key.appId);
    found.set(tokenId, await countApps(rows, { organizationId, appIds, tokenId }));
  }
  return keys.map((key) => found.get(key.tokenId)?.get(key.appId) ?? noSeats(key.appId, key.tokenId));
}
