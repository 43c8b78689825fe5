/**
 * The seats that are taken, as columns of numbers in the order they were taken. A million rows stay small, any page is
 * found by skipping blocks, and "changed since" is a suffix, because a row never changes after it was added. @module
 */
import { GrowingInts } from './growing-ints.ts';

const blockSize = 1024;
const dead = -1;

/** Which rows somebody wants. */
export interface RowFilter {
  /** Numbers of assets; absent means any. */
  assets?: readonly number[];
  /** Number of the target; absent means any. */
  target?: number;
  /** Only rows added after this version. */
  since?: number;
  /** Targets whose rows are left out. */
  without?: ReadonlySet<number>;
}

/** Rows that pass a filter, read page by page. */
export interface RowSelection {
  total: number;
  rows(offset: number, limit: number): number[];
}

export class AssignmentTable {
  #asset = new GrowingInts();
  #target = new GrowingInts();
  #version = new GrowingInts();
  #blocks: number[] = [];
  #byAsset: GrowingInts[] = [];
  #byTarget: number[][] = [];
  #liveOfAsset: number[] = [];
  #live = 0;

  /** Rows that are not removed. */
  get size(): number {
    return this.#live;
  }

  assetOf(row: number): number {
    return this.#asset.at(row);
  }

  targetOf(row: number): number {
    return this.#target.at(row);
  }

  /** Seats that an asset has out. */
  countOfAsset(asset: number): number {
    return this.#liveOfAsset[asset] ?? 0;
  }

  /** The rows of one target. */
  rowsOfTarget(target: number): readonly number[] {
    return this.#byTarget[target] ?? [];
  }

  /** The row of a pair, or undefined. */
  find(asset: number, target: number): number | undefined {
    return this.#byTarget[target]?.find((row) => this.#asset.at(row) === asset);
  }

  /** Adds a pair that must not be there; `version` must not be below that of earlier rows. */
  add(asset: number, target: number, version: number): void {
    const row = this.#asset.length;
    this.#asset.push(asset);
    this.#target.push(target);
    this.#version.push(version);
    const block = Math.floor(row / blockSize);
    this.#blocks[block] = (this.#blocks[block] ?? 0) + 1;
    this.#byAsset[asset] ??= new GrowingInts();
    this.#byAsset[asset].push(row);
    this.#byTarget[target] ??= [];
    this.#byTarget[target].push(row);
    this.#liveOfAsset[asset] = this.countOfAsset(asset) + 1;
    this.#live++;
  }

  /** Removes a row; the numbers of other rows may change. */
  remove(row: number): void {
    this.#drop(row);
    if (this.#asset.length > 4 * blockSize && this.#live * 2 < this.#asset.length) this.#compact();
  }

  /** Removes every row of an asset. */
  removeAsset(asset: number): void {
    for (const row of this.#rowsOfAsset(asset).view().slice()) this.#drop(row);
    this.#compact();
  }

  select(filter: RowFilter): RowSelection {
    if (filter.target !== undefined || filter.without?.size) return listed(this.#scan(filter));
    if (filter.assets) return this.#selectAssets(filter.assets, filter.since ?? -1);
    return this.#selectAll(filter.since ?? -1);
  }

  /** Columns of the living rows, for a state file. */
  columns(): { asset: Int32Array; target: Int32Array; version: Int32Array } {
    this.#compact();
    return { asset: this.#asset.view(), target: this.#target.view(), version: this.#version.view() };
  }

  #drop(row: number): void {
    const ofTarget = this.#byTarget[this.targetOf(row)]!;
    ofTarget.splice(ofTarget.indexOf(row), 1);
    this.#liveOfAsset[this.assetOf(row)]! -= 1;
    this.#blocks[Math.floor(row / blockSize)]! -= 1;
    this.#target.set(row, dead);
    this.#live--;
  }

  #isLive = (row: number): boolean => this.#target.at(row) !== dead;

  #versionOf = (row: number): number => this.#version.at(row);

  #rowsOfAsset(asset: number): GrowingInts {
    const rows = this.#byAsset[asset] ?? new GrowingInts();
    if (rows.length !== this.countOfAsset(asset)) rows.retain(this.#isLive);
    return rows;
  }

  #scan(filter: RowFilter): number[] {
    const candidates = filter.target === undefined ? this.#selectBroad(filter) : this.rowsOfTarget(filter.target);
    return candidates.filter(
      (row) =>
        (!filter.assets || filter.assets.includes(this.assetOf(row))) &&
        this.#version.at(row) > (filter.since ?? -1) &&
        !filter.without?.has(this.targetOf(row)),
    );
  }

  #selectBroad(filter: RowFilter): number[] {
    const { without: _, ...rest } = filter;
    const selection = this.select(rest);
    return selection.rows(0, selection.total);
  }

  #selectAssets(assets: readonly number[], since: number): RowSelection {
    const parts = assets.map((asset) => {
      const rows = this.#rowsOfAsset(asset);
      return rows.view().subarray(rows.firstAbove(since, this.#versionOf));
    });
    const total = parts.reduce((sum, part) => sum + part.length, 0);
    return { total, rows: (offset, limit) => sliceParts(parts, offset, limit) };
  }

  #selectAll(since: number): RowSelection {
    const first = this.#version.firstAbove(since);
    const before = this.#liveBefore(first);
    return { total: this.#live - before, rows: (offset, limit) => this.#pick(before + offset, limit) };
  }

  #liveBefore(row: number): number {
    const block = Math.floor(row / blockSize);
    let live = 0;
    for (let index = 0; index < block; index++) live += this.#blocks[index]!;
    for (let index = block * blockSize; index < row; index++) if (this.#isLive(index)) live++;
    return live;
  }

  #pick(skip: number, limit: number): number[] {
    let block = 0;
    let left = skip;
    while (block < this.#blocks.length && left >= this.#blocks[block]!) left -= this.#blocks[block++]!;
    const rows: number[] = [];
    for (let row = block * blockSize; row < this.#asset.length && rows.length < limit; row++) {
      if (this.#isLive(row) && left-- <= 0) rows.push(row);
    }
    return rows;
  }

  #compact(): void {
    if (this.#live === this.#asset.length) return;
    const old = { asset: this.#asset.view(), target: this.#target.view(), version: this.#version.view() };
    this.#asset = new GrowingInts(this.#live);
    this.#target = new GrowingInts(this.#live);
    this.#version = new GrowingInts(this.#live);
    this.#blocks = [];
    this.#byAsset = [];
    this.#byTarget = [];
    this.#liveOfAsset = [];
    this.#live = 0;
    for (let row = 0; row < old.asset.length; row++) {
      if (old.target[row] !== dead) this.add(old.asset[row]!, old.target[row]!, old.version[row]!);
    }
  }
}

function listed(rows: readonly number[]): RowSelection {
  return { total: rows.length, rows: (offset, limit) => rows.slice(offset, offset + limit) };
}

function sliceParts(parts: readonly Int32Array[], offset: number, limit: number): number[] {
  const rows: number[] = [];
  let skip = offset;
  for (const part of parts) {
    for (const row of part.subarray(skip, skip + limit - rows.length)) rows.push(row);
    skip = Math.max(0, skip - part.length);
    if (rows.length >= limit) break;
  }
  return rows;
}
