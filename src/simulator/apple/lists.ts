/** `GET /assets`, `GET /assignments` and `GET /users`. @module */
import { type Answer, type Call, unitOf } from './call.ts';
import { enveloped, refusal } from './envelope.ts';
import { type Asset, type OrganizationalUnit, type Target, unlimitedCount } from './organizational-unit.ts';
import { pageOf, type RowSource, readVersion, sourceOf } from './paging.ts';
import { isActive, userRow } from './users.ts';
import type { DataSet } from './versions.ts';

/** Answers with the assets that pass the filters; unlimited ones apart when `unlimited=true`. */
export function listAssets(call: Call): Answer {
  const unit = unitOf(call);
  const rows = [...unit.assets.values()].map((asset) => ({ asset, row: assetRow(call, unit, asset) }));
  const passing = rows.filter(({ row }) => passesFilters(call, row));
  const apart = call.query.get('unlimited');
  const both = apart === null || (apart === 'true' && call.world.options.unlimitedListing === 'both');
  const listed = both ? passing : passing.filter(({ asset }) => !asset.unlimited);
  const unlimitedAssets = passing
    .filter(({ asset }) => asset.unlimited)
    .map(({ row: { availableCount: _a, totalCount: _t, retiredCount: _r, ...row } }) => row);
  const source = sourceOf(listed.map(({ row }) => row));
  return paged(call, 'assets', source, apart === 'true' ? { unlimitedAssets } : {});
}

/** Answers with the seats that are taken. */
export function listAssignments(call: Call): Answer {
  const unit = unitOf(call);
  const selection = selectRows(call, unit);
  const withState = call.query.get('includeUserState') === 'true';
  return paged(call, 'assignments', {
    total: selection.total,
    rows: (offset, limit) => selection.rows(offset, limit).map((row) => assignmentRow(unit, row, withState)),
  });
}

/** Answers with the users of the library. */
export function listUsers(call: Call): Answer {
  const { query } = call;
  const since = readVersion(call);
  const wanted = unitOf(call)
    .users.all()
    .filter(
      (user) =>
        (query.get('activeOnly') !== 'true' || isActive(user)) &&
        (query.get('retiredOnly') !== 'true' || user.status === 'Retired') &&
        (query.get('clientUserId') ?? user.clientUserId) === user.clientUserId &&
        (query.get('managedAppleId') ?? user.account) === user.account &&
        user.version > (typeof since === 'number' ? since : -1),
    );
  return paged(call, 'users', sourceOf(wanted.map(userRow)));
}

function paged<Row>(call: Call, dataSet: DataSet, source: RowSource<Row>, extra: object = {}): Answer {
  const page = pageOf(call, source, unitOf(call).version(dataSet));
  return page ? enveloped(call, { [dataSet]: page.rows, ...extra, ...page.block }) : refusal(call, 9650);
}

type AssetRow = ReturnType<typeof assetRow>;

function assetRow({ world, now }: Call, unit: OrganizationalUnit, asset: Asset) {
  const { assigned, total } = unit.history.visible(asset.no, now, unit.counts(asset));
  const constant = asset.unlimited && world.options.unlimitedAvailable === 'constant';
  return {
    adamId: asset.adamId,
    pricingParam: asset.pricingParam,
    productType: asset.productType,
    assignedCount: assigned,
    availableCount: constant ? unlimitedCount : Math.max(0, total - assigned),
    retiredCount: asset.retired,
    totalCount: total,
    deviceAssignable: asset.deviceAssignable,
    revocable: asset.revocable,
    supportedPlatforms: asset.supportedPlatforms,
  };
}

function passesFilters({ query }: Call, row: AssetRow): boolean {
  const equal = (['adamId', 'pricingParam', 'productType', 'revocable', 'deviceAssignable'] as const).every(
    (name) => !query.has(name) || query.get(name) === String(row[name]),
  );
  const within = (value: number, name: 'AvailableCount' | 'AssignedCount') =>
    value >= Number(query.get(`min${name}`) ?? 0) && value <= Number(query.get(`max${name}`) ?? unlimitedCount);
  return equal && within(row.availableCount, 'AvailableCount') && within(row.assignedCount, 'AssignedCount');
}

function selectRows(call: Call, unit: OrganizationalUnit) {
  const { query } = call;
  const target = targetFilter(query);
  const targetNo = target && unit.targetNo(target);
  const since = readVersion(call);
  if (target && targetNo === undefined) return sourceOf<number>([]);
  return unit.table.select({
    ...(targetNo === undefined ? {} : { target: targetNo }),
    ...(query.has('adamId') || query.has('pricingParam') ? { assets: assetFilter(query, unit) } : {}),
    ...(typeof since === 'number' ? { since } : {}),
    ...(query.get('excludeInactiveUsers') === 'true' ? { without: inactiveTargets(unit) } : {}),
  });
}

function targetFilter(query: URLSearchParams): Target | undefined {
  const serialNumber = query.get('serialNumber');
  const clientUserId = query.get('clientUserId');
  if (serialNumber !== null) return { kind: 'serialNumber', id: serialNumber };
  return clientUserId === null ? undefined : { kind: 'clientUserId', id: clientUserId };
}

function assetFilter(query: URLSearchParams, unit: OrganizationalUnit): number[] {
  return [...unit.assets.values()]
    .filter((asset) => (query.get('adamId') ?? asset.adamId) === asset.adamId)
    .filter((asset) => (query.get('pricingParam') ?? asset.pricingParam) === asset.pricingParam)
    .map((asset) => asset.no);
}

function inactiveTargets(unit: OrganizationalUnit): Set<number> {
  const inactive = unit.users.all().filter((user) => !unit.users.active(user.clientUserId));
  return new Set(inactive.flatMap((user) => unit.targetNo({ kind: 'clientUserId', id: user.clientUserId }) ?? []));
}

function assignmentRow(unit: OrganizationalUnit, row: number, withState: boolean) {
  const { adamId, pricingParam } = unit.assetAt(unit.table.assetOf(row));
  const { kind, id } = unit.targetAt(unit.table.targetOf(row));
  const user = withState && kind === 'clientUserId' ? unit.users.current(id) : undefined;
  const state = user ? { ...(user.idHash ? { idHash: user.idHash } : {}), userStatus: user.status } : {};
  return { adamId, pricingParam, [kind]: id, ...state };
}
