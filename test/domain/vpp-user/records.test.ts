import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  currentRecord,
  isActive,
  type ListedRecord,
  mergeRecords,
  type UserRecord,
} from '../../../src/domain/vpp-user/records.ts';

const record = (status: UserRecord['status'], idHash: string | null = null, id = 1n): UserRecord => ({
  id,
  status,
  idHash,
});
const row = (status: ListedRecord['status'], idHash: string | null = null): ListedRecord => ({ status, idHash });

describe("S23 Apple's records of one clientUserId", () => {
  test('an accepted invitation is the same record, linked', () => {
    expect(mergeRecords([record('REGISTERED')], [row('ASSOCIATED', 'A')], 'CHANGED')).toEqual([
      record('ASSOCIATED', 'A'),
    ]);
  });

  test('a new record behind a retired one stands beside it', () => {
    expect(mergeRecords([record('RETIRED', 'A')], [row('REGISTERED')], 'CHANGED')).toEqual([
      record('RETIRED', 'A'),
      row('REGISTERED'),
    ]);
  });

  test('the same account again revives the old record and retires the new one', () => {
    const kept = [record('RETIRED', 'A', 1n), record('REGISTERED', null, 2n)];
    expect(mergeRecords(kept, [row('RETIRED'), row('ASSOCIATED', 'A')], 'CHANGED')).toEqual([
      record('ASSOCIATED', 'A', 1n),
      record('RETIRED', null, 2n),
    ]);
  });

  test('an invitation that nobody took was retired, even beside an older one of that kind', () => {
    const kept = [record('RETIRED', null, 1n), record('REGISTERED', null, 2n)];
    expect(mergeRecords(kept, [row('RETIRED')], 'CHANGED').map((one) => one.status)).toEqual(['RETIRED', 'RETIRED']);
  });

  test('a page that shows an old record says nothing of the present one', () => {
    const kept = [record('RETIRED', 'A', 1n), record('REGISTERED', null, 2n)];
    expect(mergeRecords(kept, [row('RETIRED', 'A')], 'PAGE')).toEqual(kept);
  });

  const status = fc.constantFrom('REGISTERED', 'ASSOCIATED', 'RETIRED', 'DELETED');
  /** What Apple can have of one id: at most one active record, hashes at most once, DELETED without. */
  const world = fc
    .uniqueArray(fc.record({ status, hash: fc.option(fc.constantFrom('A', 'B', 'C'), { nil: null }) }), {
      maxLength: 5,
      selector: ({ hash }) => hash ?? Math.random(),
    })
    .map((rows) => {
      let active = false;
      return rows.map(({ status, hash }) => {
        const over = isActive(status) && active;
        active ||= isActive(status);
        const now = over ? 'RETIRED' : status;
        return row(now, now === 'DELETED' || now === 'REGISTERED' ? null : now === 'ASSOCIATED' ? (hash ?? 'Z') : hash);
      });
    });

  test('whatever was known: a whole listing is what is active afterwards, and never are there two', () => {
    fc.assert(
      fc.property(world, world, (before, after) => {
        const kept = before.map((one, at) => ({ ...one, id: BigInt(at + 1) }));
        const merged = mergeRecords(kept, after, 'WHOLE');
        const active = merged.filter((one) => isActive(one.status));
        const wanted = after.filter((one) => isActive(one.status));
        expect(active.map(({ status, idHash }) => ({ status, idHash }))).toEqual(wanted);
        if (wanted.length > 0) expect(currentRecord(merged)).toMatchObject(wanted[0]!);
        // Nothing that was known is lost, and the same listing again changes nothing.
        expect(merged.filter((one) => one.id !== undefined)).toHaveLength(kept.length);
        const known = merged.map((one, at) => ({ ...one, id: BigInt(at + 1) }));
        if (after.length >= kept.length) expect(mergeRecords(known, after, 'WHOLE')).toEqual(known);
      }),
      { numRuns: 3_000 },
    );
  });
});
