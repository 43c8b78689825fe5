/** Which of Apple's records of one clientUserId are which. Apple gives them no ids. Pure. @module */
import type { LibraryUser, LibraryUserStatus } from '../ports.ts';

/** One record as it is kept; without an id it is new. */
export interface UserRecord {
  id?: bigint;
  status: LibraryUserStatus;
  idHash: string | null;
}

/** A listed record whose status is known. */
export type ListedRecord = Pick<LibraryUser, 'idHash'> & { status: LibraryUserStatus };

/**
 * How much of the records was listed: all there are (`WHOLE`), those that changed (`CHANGED`), or a page of a list that
 * goes on (`PAGE`), where a record that is missing says nothing.
 */
export type Listing = 'WHOLE' | 'CHANGED' | 'PAGE';

/** Whether a record can hold new licenses. */
export const isActive = (status: string | null): boolean => status === 'REGISTERED' || status === 'ASSOCIATED';

/** Linked ones are known by their hash, so they come first; then the open invitation; what is left is told apart last. */
const order = ({ idHash, status }: ListedRecord) => (idHash !== null ? 0 : isActive(status) ? 1 : 2);

/** The records as they are now, oldest first: kept ones changed where they were listed, new ones behind them. */
export function mergeRecords(
  kept: readonly UserRecord[],
  listed: readonly ListedRecord[],
  listing: Listing,
): UserRecord[] {
  const records = kept.map((record) => ({ ...record }));
  const left = new Set(records);
  for (const row of [...listed].sort((a, b) => order(a) - order(b))) {
    const record = findRecord([...left], row, listed) ?? addRecord(records, row);
    left.delete(record);
    Object.assign(record, { status: row.status, idHash: row.idHash });
  }
  const active = listed.some(({ status }) => isActive(status));
  for (const record of left) {
    if (isActive(record.status) && isOver(record, active, listing)) record.status = 'RETIRED';
  }
  return records;
}

function addRecord(records: UserRecord[], { status, idHash }: ListedRecord): UserRecord {
  const record = { status, idHash };
  records.push(record);
  return record;
}

/** The kept record that the row is, as far as that can be told. */
function findRecord(
  left: readonly UserRecord[],
  row: ListedRecord,
  listed: readonly ListedRecord[],
): UserRecord | undefined {
  const unlinked = left.filter(({ idHash }) => idHash === null);
  const openOne = unlinked.find(({ status }) => isActive(status));
  if (row.idHash !== null) {
    const same = left.find(({ idHash }) => idHash === row.idHash);
    // An invitation that was taken; retired meanwhile if no other record is active.
    return same ?? (isActive(row.status) || !listed.some(({ status }) => isActive(status)) ? openOne : undefined);
  }
  // A record that was never linked comes to life again when its user is created anew (fact sheet §8).
  if (isActive(row.status)) return openOne ?? unlinked.find(({ status }) => status === 'RETIRED');
  const same = unlinked.find(({ status }) => status === row.status);
  return same ?? (row.status === 'DELETED' ? left.find(({ status }) => status === 'RETIRED') : openOne);
}

/** Whether an active record that was not listed is active no longer: there is at most one. */
function isOver({ idHash }: UserRecord, otherIsActive: boolean, listing: Listing): boolean {
  if (otherIsActive || listing === 'WHOLE') return true;
  // A linked one would have been listed with its hash.
  return listing === 'CHANGED' && idHash === null;
}

/** The record that stands for the user: the active one, or else the newest. */
export function currentRecord(records: readonly UserRecord[]): UserRecord | undefined {
  return records.find(({ status }) => isActive(status)) ?? records.at(-1);
}
