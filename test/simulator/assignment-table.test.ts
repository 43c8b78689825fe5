import fc from 'fast-check';
import { expect, it } from 'vitest';
import { AssignmentTable } from '../../src/simulator/apple/assignment-table.ts';

type Step = { kind: 'add' | 'remove'; asset: number; target: number } | { kind: 'removeAsset'; asset: number };

const small = fc.integer({ min: 0, max: 5 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ kind: fc.constant('add' as const), asset: small, target: fc.integer({ min: 0, max: 40 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('remove' as const),
      asset: small,
      target: fc.integer({ min: 0, max: 40 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('removeAsset' as const), asset: small }) },
);

interface Row {
  asset: number;
  target: number;
  version: number;
}

function apply(table: AssignmentTable, model: Row[], one: Step, version: number): Row[] {
  if (one.kind === 'removeAsset') {
    table.removeAsset(one.asset);
    return model.filter((row) => row.asset !== one.asset);
  }
  const row = table.find(one.asset, one.target);
  if (one.kind === 'add' && row === undefined) {
    table.add(one.asset, one.target, version);
    return [...model, { asset: one.asset, target: one.target, version }];
  }
  if (one.kind === 'remove' && row !== undefined) {
    table.remove(row);
    return model.filter((kept) => kept.asset !== one.asset || kept.target !== one.target);
  }
  return model;
}

it('F8 the table of seats agrees with a plain list, whatever is asked', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), small, fc.integer({ min: 0, max: 120 }), (steps, asset, since) => {
      const table = new AssignmentTable();
      let model: Row[] = [];
      for (const [version, one] of steps.entries()) model = apply(table, model, one, version);
      const shown = (filter: Parameters<AssignmentTable['select']>[0], pageSize: number) => {
        const { total, rows } = table.select(filter);
        const pages = Array.from({ length: Math.ceil(total / pageSize) }, (_, page) => rows(page * pageSize, pageSize));
        return pages.flat().map((row) => [table.assetOf(row), table.targetOf(row)]);
      };
      const expected = (keep: (row: Row) => boolean) => model.filter(keep).map((row) => [row.asset, row.target]);
      expect(table.size).toBe(model.length);
      expect(shown({}, 7)).toEqual(expected(() => true));
      expect(shown({ since }, 3)).toEqual(expected((row) => row.version > since));
      expect(shown({ assets: [asset] }, 2)).toEqual(expected((row) => row.asset === asset));
      expect(shown({ assets: [asset], since }, 5)).toEqual(
        expected((row) => row.asset === asset && row.version > since),
      );
      expect(shown({ target: 3, since }, 4)).toEqual(expected((row) => row.target === 3 && row.version > since));
      expect(shown({ without: new Set([1, 2]) }, 6)).toEqual(expected((row) => row.target !== 1 && row.target !== 2));
      expect(table.countOfAsset(asset)).toBe(expected((row) => row.asset === asset).length);
    }),
  );
});

it('F8 the table stays right when most of many rows go', () => {
  const table = new AssignmentTable();
  for (let index = 0; index < 20_000; index++) table.add(index % 7, index, index);
  for (let target = 0; target < 20_000; target++) {
    if (target % 5 !== 0) table.remove(table.find(target % 7, target)!);
  }
  expect(table.size).toBe(4000);
  const { total, rows } = table.select({ since: 9_999 });
  expect(total).toBe(2000);
  expect(table.targetOf(rows(1999, 10)[0]!)).toBe(19_995);
  expect(
    table
      .select({ assets: [0, 1] })
      .rows(0, 3)
      .map((row) => table.targetOf(row)),
  ).toEqual([0, 35, 70]);
});
