/** Answers that are given again until something of the library changes, over a real LISTEN. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { globalId } from '../../src/graphql/ids.ts';
import { addApp, addDevice, addLicense, addPool, addToken } from '../graphql/rows.ts';
import { statementsOf } from '../graphql/statements.ts';
import { eventually } from '../support/eventually.ts';
import { startApi, type TestApi } from './support/api.ts';

const page =
  '{ apps(first: 10) { edges { node { adamId status licenses { used } pools { used token { label } } licenseDetails(first: 5) { edges { node { state holder { ... on Device { name } } } } } platformVariants { name } } } } }';

let api: TestApi;
let key: string;
let organizationId: bigint;
let appId: bigint;
let poolId: bigint;
let tokenId: bigint;

beforeAll(async () => {
  api = await startApi({ realtime: true });
  organizationId = await api.organization();
  key = await api.key(organizationId);
  const { prisma } = api.services;
  tokenId = (await addToken(prisma, organizationId, { label: 'First' })).id;
  appId = (await addApp(prisma, organizationId, { name: 'Atlas', adamId: '900' })).id;
  const pool = await addPool(prisma, { organizationId, tokenId, appId }, { total: 10n, held: 1n });
  poolId = pool.id;
  await addLicense(prisma, pool, await addDevice(prisma, organizationId, 'DMPA1'));
  await prisma.appMetadata.create({
    data: { organizationId, appId, storefront: 'de', platform: 'ios', deviceFamilies: [], fetchedAt: new Date() },
  });
  await prisma.tokenSync.create({ data: { organizationId, tokenId } });
});
afterAll(() => api.close());

const ask = (query = page, as = key) => api.ask(as, query);
/** Whether asking again costs statements. */
const isRead = async (query = page, as = key) => (await statementsOf(() => ask(query, as))).statements.length > 0;
/** Asks until the news of earlier tests have settled and the answer is remembered. */
const settle = () => eventually(async () => !(await isRead()));

describe('F3 an answer that was just given', () => {
  test('F3 is given again without a statement, word for word', async () => {
    const first = await ask();
    expect(first.errors).toBeUndefined();
    // News of the setup may still be on their way.
    const asked = () => statementsOf(() => ask());
    let again = await asked();
    const remembered = async () => {
      again = await asked();
      return again.statements.length === 0;
    };
    expect(await eventually(remembered)).toBe(true);
    expect(again.result).toEqual(first);
  });

  const changes: [table: string, statement: string][] = [
    ['app', 'UPDATE app SET version = version'],
    ['app_metadata', 'UPDATE app_metadata SET name = name'],
    ['license_pool', 'UPDATE license_pool SET retired = retired'],
    ['license', 'UPDATE license SET changed_at = changed_at'],
    ['device', 'UPDATE device SET name = name'],
    ['token', 'UPDATE token SET label = label'],
    ['token_sync', "UPDATE token_sync SET completeness = 'COMPLETE'"],
  ];

  test.each(changes)('F3 is read anew once %s changes, whoever changes it', async (_table, statement) => {
    expect(await settle()).toBe(true);
    await api.services.pool.query(`${statement} WHERE organization_id = $1`, [String(organizationId)]);
    const began = performance.now();
    expect(await eventually(() => isRead())).toBe(true);
    // By news: without them it would hold for ten seconds.
    expect(performance.now() - began).toBeLessThan(9_000);
  });

  test('F3 is not touched by what another organization does, nor by who holds the library', async () => {
    const other = await api.organization('Other');
    const { prisma, pool } = api.services;
    expect(await settle()).toBe(true);
    await addApp(prisma, other, { adamId: '901' });
    await pool.query('UPDATE token SET mdm_checked_at = now() WHERE organization_id = $1', [String(organizationId)]);
    expect(await isRead()).toBe(false);
  });

  test('F3 is never older than a write that the same server has answered', async () => {
    const set = (status: string) =>
      ask(
        `mutation { setAppStatus(input: { appIds: ["${globalId('App', appId)}"], status: ${status} }) { __typename } }`,
      );
    for (let round = 0; round < 20; round += 1) {
      const status = round % 2 === 0 ? 'REVIEW' : 'RELEASE';
      await ask();
      await set(status);
      expect((await ask()).data.apps.edges[0].node.status).toBe(status);
    }
  });

  test('F3 shows the new number once a pool has it', async () => {
    expect(await settle()).toBe(true);
    await api.services.pool.query('UPDATE license_pool SET held = 3 WHERE id = $1', [String(poolId)]);
    const used = async () => (await ask()).data.apps.edges[0].node.licenses.used;
    expect(await eventually(async () => (await used()) === 3)).toBe(true);
  });
});

describe('S3 what is remembered is for whom it was made', () => {
  test('S3 a key of fewer rights gets its own answer', async () => {
    expect(await settle()).toBe(true);
    const less = await api.key(organizationId, 'ADMINISTRATOR', ['apps:read']);
    const answer = await ask(page, less);
    expect(answer.errors?.[0]?.extensions.code).toBe('FORBIDDEN');
    expect(await isRead(page, less)).toBe(true);
  });

  test('S3 another organization gets its own answer', async () => {
    expect(await settle()).toBe(true);
    const stranger = await api.key(await api.organization('Strangers'));
    expect((await ask(page, stranger)).data.apps.edges).toEqual([]);
  });

  test('S3 variables and operations are kept apart', async () => {
    const query = 'query A($n: Int!) { apps(first: $n) { edges { node { id } } } }';
    for (const n of [1, 0, 1]) expect((await api.ask(key, query, { n })).data.apps.edges).toHaveLength(n);
  });
});

test('F3 what is not of the library is read each time', async () => {
  for (const query of [
    '{ tasks(first: 1) { edges { node { id } } } }',
    '{ organization { name } }',
    `{ node(id: "${globalId('App', 1n)}") { id } }`,
    '{ apps(first: 1) { edges { node { id } } } tasks(first: 1) { edges { node { state } } } }',
  ]) {
    await ask(query);
    expect([query, await isRead(query)]).toEqual([query, true]);
  }
});
