/** Who held what at a moment, and what happened to licenses: read at a hundred thousand rows. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Rows } from '../../src/db/rows.ts';
import { sql } from '../../src/db/transaction.ts';
import { type LicenseFilter, listLicenses, listLicensesOf } from '../../src/domain/license/list.ts';
import { readTimelines } from '../../src/domain/license/timeline.ts';
import { globalId } from '../../src/graphql/ids.ts';
import { startApi, type TestApi } from '../http/support/api.ts';
import { addApp, addPool, addToken } from './rows.ts';
import { statementsOf } from './statements.ts';

let api: TestApi;
let key: string;
let organizationId: bigint;
let appId: bigint;
let deviceId: bigint;
const days = 1_000;
const perDay = 100;

/** Each day a hundred licenses begin; half of them end thirty days later. */
beforeAll(async () => {
  api = await startApi();
  organizationId = await api.organization();
  key = await api.key(organizationId);
  const { prisma, pool } = api.services;
  const token = await addToken(prisma, organizationId);
  appId = (await addApp(prisma, organizationId, { name: 'Old' })).id;
  const seats = await addPool(prisma, { organizationId, tokenId: token.id, appId }, { total: 100_000n });
  await pool.query(
    `INSERT INTO device (organization_id, serial_number, serial_original, family, created_at, updated_at)
     SELECT $1, 'LINE' || n, 'LINE' || n, 'IPAD', '2020-01-01', '2020-01-01' FROM generate_series(0, $2 - 1) n`,
    [String(organizationId), perDay],
  );
  await pool.query(
    `INSERT INTO license (organization_id, pool_id, token_id, app_id, adam_id, pricing_param, serial_number, device_id, state, source,
       started_at, changed_at, ended_at, end_reason)
     SELECT p.organization_id, p.id, p.token_id, p.app_id, p.adam_id, p.pricing_param,
       CASE WHEN n % 2 = 0 THEN 'LINE' || n ELSE 'ONCE' || d || 'x' || n END, v.id,
       (CASE WHEN n % 2 = 0 THEN CASE WHEN n % 10 = 0 THEN 'FAILED' ELSE 'REVOKED' END ELSE 'CONFIRMED' END)::"LicenseState", 'EXTERNAL',
       '2020-01-01'::timestamptz + d * interval '1 day', now(),
       CASE WHEN n % 2 = 0 THEN '2020-01-01'::timestamptz + (d + 30) * interval '1 day' END, CASE WHEN n % 2 = 0 THEN 'REVOKED' END
     FROM license_pool p CROSS JOIN generate_series(0, $2 - 1) d CROSS JOIN generate_series(0, $3 - 1) n
     JOIN device v ON v.organization_id = p.organization_id AND v.serial_number = 'LINE' || n
     WHERE p.id = $1 ORDER BY d, n`,
    [String(seats.id), days, perDay],
  );
  await pool.query(
    `INSERT INTO ledger (organization_id, at, pool_id, license_id, kind, held_delta, reserved_delta, actor, reason)
     SELECT organization_id, started_at, pool_id, id, 'FOUND', 1, 0, 'system:sync', NULL FROM license WHERE app_id = $1
     UNION ALL SELECT organization_id, ended_at, pool_id, id, 'REVOKE', -1, 0, 'system:writer', 'REVOKED' FROM license
     WHERE app_id = $1 AND ended_at IS NOT NULL`,
    [String(appId)],
  );
  await pool.query('ANALYZE license, ledger, device');
  deviceId = (await prisma.device.findFirstOrThrow({ where: { serialNumber: 'LINE2' } })).id;
}, 120_000);
afterAll(() => api.close());

const day = (count: number) => new Date(Date.UTC(2020, 0, 1 + count, 12));
const none = { tokenId: null, deviceId: null, vppUserId: null, serialNumber: null, states: null, sources: null };
const filter = (more: Partial<LicenseFilter>): LicenseFilter => ({
  organizationId,
  appId: null,
  ...none,
  asOf: null,
  ...more,
});
const window = { after: null, before: null, limit: 51, fromEnd: false };

/** Answers with the plan of each statement, and gives no rows. */
function explaining(plans: string[]): Rows {
  return {
    rows: async (query) => {
      const { prisma } = api.services;
      const lines = await prisma.$queryRaw<Record<string, string>[]>(sql`EXPLAIN (ANALYZE, COSTS OFF) ${query}`);
      plans.push(lines.map((line) => Object.values(line)[0]).join('\n'));
      return [];
    },
  } as Rows;
}

const ask = async (query: string) => {
  const answer = await api.ask(key, query);
  expect(answer.errors).toBeUndefined();
  return answer.data;
};

test('F13 licenses(asOf:) are those whose period holds the moment, on every list', async () => {
  const at = day(500);
  const expected = 501 * 50 + 30 * 40;
  const { licenses, app } = await ask(`{
    licenses(first: 5, asOf: "${at.toISOString()}") { totalCount edges { node { since endedAt } } }
    app(id: "${globalId('App', appId)}") { licenseDetails(first: 5, asOf: "${at.toISOString()}") { totalCount } }
  }`);
  expect([licenses.totalCount, app.licenseDetails.totalCount]).toEqual([expected, expected]);
  for (const { node } of licenses.edges) {
    expect(new Date(node.since).getTime()).toBeLessThanOrEqual(at.getTime());
    expect(node.endedAt === null || new Date(node.endedAt) > at).toBe(true);
  }
  const { device } = await ask(
    `{ device(by: { serialNumber: "LINE2" }) { licenses(first: 50, asOf: "${at.toISOString()}") { totalCount edges { node { endedAt } } } } }`,
  );
  expect(device.licenses.totalCount).toBe(30);
  const before = await ask(`{ licenses(first: 5, asOf: "2019-12-31T00:00:00Z") { totalCount edges { node { id } } } }`);
  expect(before.licenses).toEqual({ totalCount: 0, edges: [] });
});

test('F13 a page of licenses(asOf:) goes on at its cursor, through what is live and what has ended', async () => {
  const seen: string[] = [];
  let after = '';
  const at = day(31).toISOString();
  for (;;) {
    const { licenses } = await ask(
      `{ licenses(first: 100, asOf: "${at}"${after}) { edges { node { id } } pageInfo { hasNextPage endCursor } } }`,
    );
    seen.push(...licenses.edges.map((edge: { node: { id: string } }) => edge.node.id));
    if (!licenses.pageInfo.hasNextPage) break;
    after = `, after: "${licenses.pageInfo.endCursor}"`;
  }
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen).toHaveLength(32 * 50 + 30 * 40);
});

test('F13 licenses(asOf:) and timelines read no whole table at a hundred thousand licenses', async () => {
  const plans: string[] = [];
  const reader = explaining(plans);
  for (const at of [day(10), day(500), day(995)]) {
    await listLicenses(reader, filter({ asOf: at }), window, {});
    await listLicenses(reader, filter({ asOf: at, appId }), window, {});
    const owner = { organizationId, ownerIds: [deviceId], tokenId: null, asOf: at };
    await listLicensesOf(reader, { ...owner, kind: 'device' }, window, {});
  }
  const place = { after: { at: day(500), id: 1n }, before: null, limit: 51, fromEnd: false };
  for (const kind of ['app', 'device'] as const) {
    await readTimelines(reader, { organizationId, kind, ownerIds: [kind === 'app' ? appId : deviceId] }, place, true);
  }
  for (const [index, plan] of plans.entries()) {
    // Of long ago half the table is the answer, and reading it from front to end is right.
    if (index >= 6) expect(plan).not.toMatch(/Seq Scan on (license|ledger)\b/);
    const [, time] = /Execution Time: ([\d.]+) ms/.exec(plan)!;
    expect(Number(time), plan).toBeLessThan(250);
  }
  if (process.env.SHOW_PLANS) console.log(plans.join('\n\n'));
});

const lines = (fields: string) =>
  `timeline(first: 60) { edges { cursor node { ${fields} } } pageInfo { hasNextPage endCursor } }`;
const all = 'at kind heldDelta reservedDelta actor reason appleEventId serialNumber task { id } app { name }';

test('F13 app.timeline and device.timeline: newest first, with who and why, in at most three statements', async () => {
  const owners = [`app(id: "${globalId('App', appId)}")`, 'device(by: { serialNumber: "LINE2" })'];
  for (const owner of owners) {
    const { statements, result } = await statementsOf(() => ask(`{ it: ${owner} { ${lines(all)} } }`));
    expect(statements.length, statements.join('\n')).toBeLessThanOrEqual(3);
    const { edges } = result.it.timeline as { edges: { node: { at: string; kind: string } }[] };
    expect(edges).toHaveLength(60);
    const times = edges.map(({ node }) => new Date(node.at).getTime());
    expect(times).toEqual([...times].sort((a, b) => b - a));
  }
  const { device } = await ask(`{ device(by: { serialNumber: "LINE2" }) { ${lines(all)} } }`);
  expect(device.timeline.edges[0].node).toEqual({
    at: '2022-10-26T00:00:00.000Z',
    kind: 'REVOKE',
    heldDelta: -1,
    reservedDelta: 0,
    actor: 'system:writer',
    reason: 'REVOKED',
    appleEventId: null,
    serialNumber: 'LINE2',
    task: null,
    app: { name: 'Old' },
  });
});

test('F13 a timeline goes on at its cursor, forward and backward, also among lines of one moment', async () => {
  const app = `app(id: "${globalId('App', appId)}")`;
  const page = async (args: string) =>
    (
      await ask(
        `{ it: ${app} { timeline(${args}) { edges { cursor node { licenseId kind } } pageInfo { hasNextPage hasPreviousPage } } } }`,
      )
    ).it.timeline;
  const first = await page('first: 100');
  const half = await page('first: 50');
  const rest = await page(`first: 50, after: "${half.edges[49].cursor}"`);
  expect([...half.edges, ...rest.edges]).toEqual(first.edges);
  const back = await page(`last: 50, before: "${rest.edges[0].cursor}"`);
  expect(back.edges).toEqual(half.edges);
  expect(back.pageInfo).toMatchObject({ hasPreviousPage: false, hasNextPage: true });
});
