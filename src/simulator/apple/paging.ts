/** Page-index paging, the same for assets, assignments and users. @module */
import type { Call, Operation } from './call.ts';
import { type DataSet, parseVersionId } from './versions.ts';

/** Operations whose answers come in pages. */
export const paged: readonly Operation[] = ['getAssets', 'getAssignments', 'getUsers'];

/** One page and the block that describes it. */
export interface Page<Row> {
  rows: Row[];
  block: { currentPageIndex: number; nextPageIndex?: number; size: number; totalPages: number; versionId: string };
}

/** Something that can hand out rows from any place without listing them all. */
export interface RowSource<Row> {
  total: number;
  rows(offset: number, limit: number): Row[];
}

/** `pageIndex` as a number, 0 when absent, undefined when it is none. */
export function readPageIndex(call: Call): number | undefined {
  const text = call.query.get('pageIndex') ?? '0';
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** The counter behind `sinceVersionId`: undefined when absent, `bad` when it was never a version of this data. */
export function readVersion(call: Call): number | undefined | 'bad' {
  const text = call.query.get('sinceVersionId');
  const dataSet: DataSet = call.operation === 'getUsers' ? 'users' : 'assignments';
  if (text === null || !call.unit) return undefined;
  return parseVersionId(text, call.unit.uId, dataSet, call.unit.versions[dataSet]) ?? 'bad';
}

/** Cuts the page that was asked for, or undefined when there is none of that index. */
export function pageOf<Row>(call: Call, source: RowSource<Row>, versionId: string): Page<Row> | undefined {
  const { pageSize, emptyTotalPages } = call.world.options;
  const index = readPageIndex(call) ?? 0;
  const totalPages = source.total === 0 ? emptyTotalPages : Math.ceil(source.total / pageSize);
  if (index > 0 && index >= totalPages) return undefined;
  const rows = source.rows(index * pageSize, pageSize);
  const next = index + 1 < totalPages ? { nextPageIndex: index + 1 } : {};
  return { rows, block: { currentPageIndex: index, ...next, size: rows.length, totalPages, versionId } };
}

/** A list as a source of rows. */
export function sourceOf<Row>(list: readonly Row[]): RowSource<Row> {
  return { total: list.length, rows: (offset, limit) => list.slice(offset, offset + limit) };
}
