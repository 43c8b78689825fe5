/** The state of one library of licenses (Apple: organizational unit) and the only ways to change it. @module */
import type { AssetSpec, MdmInfo, OrganizationalUnitSpec, Platform, PricingParam } from '../scenarios/types.ts';
import { SubscriptionBook } from '../subscriptions/book.ts';
import { AssignmentTable } from './assignment-table.ts';
import { CountHistory, type Counts } from './count-history.ts';
import { RecentGrants } from './grants.ts';
import { UserDirectory } from './users.ts';
import { type DataSet, versionId } from './versions.ts';

/** `totalCount` of an asset without a bound. */
export const unlimitedCount = 2147483647;

/** What a seat is given to. */
export type TargetKind = 'serialNumber' | 'clientUserId';

/** A device or a user, by Apple's key. */
export interface Target {
  kind: TargetKind;
  id: string;
}

/** One (adamId, pricingParam) that the library owns. */
export interface Asset {
  /** Position in the library, the key of the assignment table. */
  no: number;
  adamId: string;
  pricingParam: PricingParam;
  productType: 'App' | 'Book';
  /** Seats without the retired ones; meaningless when `unlimited`. */
  total: number;
  unlimited: boolean;
  retired: number;
  deviceAssignable: boolean;
  revocable: boolean;
  supportedPlatforms: Platform[];
}

/** What a client stored with `POST /client/config`. */
export interface ClientConfig {
  mdmInfo?: MdmInfo;
  notificationUrl?: string;
  notificationAuthToken?: string;
  notificationTypes?: string[];
}

/** What became of an attempt to give or take a seat. */
export type SeatOutcome = 'done' | 'already' | 'unknown-asset' | 'unknown-user' | 'no-seat';

/** A library: its assets, who holds them, its users, and a version for each of the three. */
export class OrganizationalUnit {
  readonly uId: string;
  readonly name: string;
  readonly country: string;
  readonly platform: OrganizationalUnitSpec['platform'];
  /** Domains of the organization's own Apple Accounts. */
  readonly managedDomains: readonly string[];
  config: ClientConfig = {};
  readonly assets = new Map<string, Asset>();
  readonly users = new UserDirectory(() => ++this.versions.users);
  readonly table = new AssignmentTable();
  readonly history = new CountHistory();
  readonly grants = new RecentGrants();
  readonly versions: Record<DataSet, number> = { assets: 1, assignments: 1, users: 1, subscriptions: 1 };
  readonly book = new SubscriptionBook(() => {
    this.versions.subscriptions++;
  });
  readonly #assetByNo: Asset[] = [];
  readonly #targets: Target[] = [];
  readonly #targetNo = new Map<string, number>();

  constructor(spec: Omit<OrganizationalUnitSpec, 'assets' | 'users' | 'assignments'>) {
    this.uId = spec.uId;
    this.name = spec.name;
    this.country = spec.country;
    this.platform = spec.platform;
    this.managedDomains = spec.managedDomains ?? [];
    if (spec.mdmInfo) this.config.mdmInfo = spec.mdmInfo;
  }

  /** The version text of a data set as it stands. */
  version(dataSet: DataSet): string {
    return versionId(this.uId, dataSet, this.versions[dataSet]);
  }

  asset(adamId: string, pricingParam: PricingParam = 'STDQ'): Asset | undefined {
    return this.assets.get(`${adamId}:${pricingParam}`);
  }

  /** The asset at a position of the assignment table. */
  assetAt(no: number): Asset {
    return this.#assetByNo[no]!;
  }

  /** The target at a position of the assignment table. */
  targetAt(no: number): Target {
    return this.#targets[no]!;
  }

  /** The position of a target, or undefined when it never held a seat. */
  targetNo(target: Target): number | undefined {
    return this.#targetNo.get(targetKey(target));
  }

  /** Adds an asset, or replaces what is said of one that exists. */
  putAsset(spec: AssetSpec): Asset {
    const pricingParam = spec.pricingParam ?? 'STDQ';
    const known = this.asset(spec.adamId, pricingParam);
    const asset: Asset = { ...defaultsOf(spec), no: known?.no ?? this.#assetByNo.length, pricingParam };
    this.#assetByNo[asset.no] = asset;
    this.assets.set(`${asset.adamId}:${pricingParam}`, asset);
    this.versions.assets++;
    return asset;
  }

  /** Takes an asset away with all its seats, as a finished transfer does. */
  removeAsset(asset: Asset): void {
    this.table.removeAsset(asset.no);
    this.assets.delete(`${asset.adamId}:${asset.pricingParam}`);
    this.#touchSeats();
  }

  /** Changes an asset's numbers or rules at a moment. */
  changeAsset(asset: Asset, change: Partial<Omit<Asset, 'no' | 'adamId' | 'pricingParam'>>, at: number): void {
    this.history.record(asset.no, at, this.counts(asset));
    Object.assign(asset, change);
    this.versions.assets++;
  }

  /** Whether an Apple Account belongs to the organization. */
  manages(account: string): boolean {
    return this.managedDomains.includes(account.slice(account.lastIndexOf('@') + 1).toLowerCase());
  }

  /** True counts of an asset; seats held above the total (a refund) leave none available. */
  counts(asset: Asset): Counts {
    const assigned = this.table.countOfAsset(asset.no);
    return { assigned, total: asset.unlimited ? unlimitedCount : asset.total };
  }

  /** Gives a seat; nothing changes unless the outcome is `done`. */
  associate(adamId: string, pricingParam: PricingParam, target: Target, at: number): SeatOutcome {
    const asset = this.asset(adamId, pricingParam);
    if (!asset) return 'unknown-asset';
    if (target.kind === 'clientUserId' && !this.users.active(target.id)) return 'unknown-user';
    const no = this.#intern(target);
    if (this.table.find(asset.no, no) !== undefined) return 'already';
    const { assigned, total } = this.counts(asset);
    if (assigned >= total) return 'no-seat';
    this.history.record(asset.no, at, { assigned, total });
    this.#touchSeats();
    this.table.add(asset.no, no, this.versions.assignments);
    this.grants.note(adamId, targetKey(target), at);
    return 'done';
  }

  /** Takes a seat back; `already` means that the target had none. */
  disassociate(adamId: string, pricingParam: PricingParam, target: Target, at: number): SeatOutcome {
    const asset = this.asset(adamId, pricingParam);
    if (!asset) return 'unknown-asset';
    if (target.kind === 'clientUserId' && !this.users.current(target.id)) return 'unknown-user';
    const no = this.targetNo(target);
    const row = no === undefined ? undefined : this.table.find(asset.no, no);
    if (row === undefined) return 'already';
    this.history.record(asset.no, at, this.counts(asset));
    this.table.remove(row);
    this.#touchSeats();
    return 'done';
  }

  /** The assets that a target holds, in the order it got them. */
  heldBy(target: Target): Asset[] {
    const no = this.targetNo(target);
    return no === undefined ? [] : this.table.rowsOfTarget(no).map((row) => this.assetAt(this.table.assetOf(row)));
  }

  /** Every asset there ever was, by position; removed ones keep theirs. */
  allAssets(): (Asset & { removed?: true })[] {
    return this.#assetByNo.map((asset) =>
      this.assets.has(`${asset.adamId}:${asset.pricingParam}`) ? asset : { ...asset, removed: true },
    );
  }

  /** Puts assets back as a state file has them. */
  restoreAssets(assets: readonly (Asset & { removed?: true })[]): void {
    for (const { removed, ...asset } of assets) {
      this.#assetByNo[asset.no] = asset;
      if (!removed) this.assets.set(`${asset.adamId}:${asset.pricingParam}`, asset);
    }
  }

  /** Puts rows back as a state file has them. */
  restoreRow(assetNo: number, target: Target, version: number): void {
    this.table.add(assetNo, this.#intern(target), version);
  }

  #intern(target: Target): number {
    const key = targetKey(target);
    const known = this.#targetNo.get(key);
    if (known !== undefined) return known;
    this.#targets.push(target);
    this.#targetNo.set(key, this.#targets.length - 1);
    return this.#targets.length - 1;
  }

  #touchSeats(): void {
    this.versions.assignments++;
    this.versions.assets++;
  }
}

function targetKey(target: Target): string {
  return `${target.kind === 'serialNumber' ? 's' : 'u'}:${target.id}`;
}

function defaultsOf(spec: AssetSpec): Omit<Asset, 'no' | 'pricingParam'> {
  const productType = spec.productType ?? 'App';
  const isApp = productType === 'App';
  return {
    adamId: spec.adamId,
    productType,
    total: spec.total ?? 0,
    unlimited: spec.unlimited ?? false,
    retired: spec.retired ?? 0,
    deviceAssignable: spec.deviceAssignable ?? isApp,
    revocable: spec.revocable ?? isApp,
    supportedPlatforms: spec.supportedPlatforms ?? ['iOS'],
  };
}
