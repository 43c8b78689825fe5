import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { globalId } from '../../src/graphql/ids.ts';
import { startApi, type TestApi } from '../http/support/api.ts';
import { addApp, addDevice, addEnrollment, addLicense, addPool, addTask, addToken } from './rows.ts';
import { statementsOf } from './statements.ts';

let api: TestApi;
let key: string;
let organizationId: bigint;
let first: Awaited<ReturnType<typeof addToken>>;
let second: Awaited<ReturnType<typeof addToken>>;
const apps: Record<string, bigint> = {};

const columns =
  'adamId name status deviceAssignable licenses { total available used pending retired unlimited overdrawn asOf }';
interface Edge {
  cursor: string;
  node: { id: string; name: string; adamId: string; deviceAssignable: boolean; licenses: Record<string, unknown> };
}
async function list(args: string, fields = columns): Promise<Edge[]> {
  const answer = await api.ask(key, `{ apps(${args}) { edges { cursor node { id ${fields} } } } }`);
  expect(answer.errors).toBeUndefined();
  return answer.data.apps.edges;
}
const names = (edges: Edge[]) => edges.map((edge) => edge.node.name);
const ask = async (query: string, variables?: Record<string, unknown>) => {
  const answer = await api.ask(key, query, variables);
  expect(answer.errors).toBeUndefined();
  return answer.data;
};

beforeAll(async () => {
  api = await startApi();
  organizationId = await api.organization();
  key = await api.key(organizationId);
  const { prisma } = api.services;
  second = await addToken(prisma, organizationId, { label: 'Second', position: 2, accountType: 'BUSINESS' });
  first = await addToken(prisma, organizationId, { label: 'First', position: 1 });
  const store: [string, string, 'DEVELOPMENT' | 'REVIEW' | 'RELEASE'][] = [
    ['Atlas', '900', 'RELEASE'],
    ['biology', '1000', 'REVIEW'],
    ['Chess', '70', 'DEVELOPMENT'],
    ['Drawing 100%', '5000000000', 'RELEASE'],
  ];
  for (const [name, adamId, status] of store)
    apps[name] = (await addApp(prisma, organizationId, { name, adamId, status })).id;
  const pool = (token: { id: bigint }, name: string, numbers: Parameters<typeof addPool>[2]) =>
    addPool(prisma, { organizationId, tokenId: token.id, appId: apps[name]! }, numbers);
  const atlas = await pool(first, 'Atlas', { total: 10n, held: 3n, reserved: 2n, retired: 1n });
  await pool(second, 'Atlas', { total: 5n, held: 1n });
  await pool(second, 'biology', { total: 1n, unlimited: true, held: 7n });
  await pool(first, 'Chess', { total: 2n, held: 3n, deviceAssignable: false });
  const device = await addDevice(prisma, organizationId, 'DMPA1');
  await addLicense(prisma, atlas, device);
  await addDevice(prisma, organizationId, 'DMPA2');
});
afterAll(() => api.close());

describe('S33 the apps list', () => {
  test('S38 five columns in one query: status, deviceAssignable, licenses, available, used', async () => {
    const [atlas] = await list('first: 1');
    expect(atlas!.node).toMatchObject({
      name: 'Atlas',
      status: 'RELEASE',
      deviceAssignable: true,
      licenses: {
        total: 15,
        available: 9,
        used: 6,
        pending: 2,
        retired: 1,
        unlimited: false,
        overdrawn: 0,
        asOf: '2026-03-01T11:00:00.000Z',
      },
    });
  });

  test('S74 counts are summed over tokens; an unlimited pool makes the app unlimited; more used than total is overdrawn', async () => {
    const byName = Object.fromEntries((await list('first: 10')).map((edge) => [edge.node.name, edge.node.licenses]));
    expect(byName.biology).toMatchObject({ total: null, available: null, used: 7, unlimited: true });
    expect(byName.Chess).toMatchObject({ total: 2, available: 0, used: 3, overdrawn: 1 });
    expect(byName['Drawing 100%']).toMatchObject({ total: 0, available: 0, used: 0, asOf: null });
    for (const { total, available, used, overdrawn, unlimited } of Object.values(byName)) {
      if (!unlimited) expect(total).toBe((available as number) + (used as number) - (overdrawn as number));
    }
  });

  test('S75 apps(tokenId:) changes the rows and the counts, side by side in one query', async () => {
    const answer = await ask(
      `query($a: ID!, $b: ID!) {
        a: apps(first: 10, tokenId: $a) { totalCount edges { node { name licenses { total used } } } }
        b: apps(first: 10, tokenId: $b) { totalCount edges { node { name licenses { total used token { label } } } } }
      }`,
      { a: globalId('Token', first.id), b: globalId('Token', second.id) },
    );
    expect(answer.a).toEqual({
      totalCount: 2,
      edges: [
        { node: { name: 'Atlas', licenses: { total: 10, used: 5 } } },
        { node: { name: 'Chess', licenses: { total: 2, used: 3 } } },
      ],
    });
    expect(answer.b.edges[0]).toEqual({
      node: { name: 'Atlas', licenses: { total: 5, used: 1, token: { label: 'Second' } } },
    });
  });

  test('S32 deviceAssignable can be read and filtered', async () => {
    expect(names(await list('first: 10, deviceAssignable: true'))).toEqual(['Atlas', 'biology']);
    expect(names(await list('first: 10, deviceAssignable: false'))).toEqual(['Chess', 'Drawing 100%']);
  });

  test('S39 statuses can be filtered', async () => {
    expect(names(await list('first: 10, statuses: [REVIEW, DEVELOPMENT]'))).toEqual(['biology', 'Chess']);
  });

  test.each([
    ['at', ['Atlas']],
    ['BIO', ['biology']],
    ['100%', ['Drawing 100%']],
    ['70', ['Chess']],
    ['_', []],
  ])('S33 search for "%s"', async (search, found) => {
    expect(names(await list(`first: 10, search: ${JSON.stringify(search)}`))).toEqual(found);
  });

  const orders: [string, string[]][] = [
    ['NAME', ['Atlas', 'biology', 'Chess', 'Drawing 100%']],
    ['ADAM_ID', ['Chess', 'Atlas', 'biology', 'Drawing 100%']],
    ['STATUS', ['Chess', 'biology', 'Atlas', 'Drawing 100%']],
    ['AVAILABLE', ['Chess', 'Drawing 100%', 'Atlas', 'biology']],
    ['USED', ['Drawing 100%', 'Chess', 'Atlas', 'biology']],
  ];
  test.each(orders)(
    'S33 G1 order by %s, in pages of every size, both ways and from both ends',
    async (field, expected) => {
      for (const direction of ['ASC', 'DESC'] as const) {
        const whole =
          direction === 'ASC' ? expected : field === 'AVAILABLE' || field === 'STATUS' ? null : expected.toReversed();
        const order = `orderBy: { field: ${field}, direction: ${direction} }`;
        const all = names(await list(`first: 10, ${order}`));
        if (whole) expect(all).toEqual(whole);
        for (const size of [1, 2, 3]) {
          expect(await walk(order, size, 'forward')).toEqual(all);
          expect(await walk(order, size, 'backward')).toEqual(all);
        }
      }
    },
  );

  async function walk(order: string, size: number, way: 'forward' | 'backward'): Promise<string[]> {
    const found: string[] = [];
    let cursor = '';
    for (;;) {
      const page =
        way === 'forward'
          ? `first: ${size}${cursor && `, after: "${cursor}"`}`
          : `last: ${size}${cursor && `, before: "${cursor}"`}`;
      const { apps } = await ask(
        `{ apps(${page}, ${order}) { edges { node { name } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`,
      );
      if (way === 'forward') found.push(...names(apps.edges));
      else found.unshift(...names(apps.edges));
      if (!(way === 'forward' ? apps.pageInfo.hasNextPage : apps.pageInfo.hasPreviousPage)) return found;
      cursor = way === 'forward' ? apps.pageInfo.endCursor : apps.pageInfo.startCursor;
    }
  }

  test('G1 totalCount is only counted when asked for, and the list costs the same for one app as for many', async () => {
    const read = (size: number, fields = '') =>
      statementsOf(() =>
        ask(
          `{ apps(first: ${size}) { ${fields} edges { node { ${columns} purchaseUrl platformVariants { name } pools { token { label } } } } } }`,
        ),
      );
    const one = await read(1);
    const many = await read(4);
    expect(many.statements.length).toBe(one.statements.length);
    expect(many.statements.filter((text) => text.includes('count(*)'))).toEqual([]);
    const counted = await read(4, 'totalCount');
    expect(counted.result.apps.totalCount).toBe(4);
    expect(counted.statements.length).toBe(many.statements.length + 1);
  });
});

describe('one app', () => {
  test('S34 purchaseUrl follows the account type of the first token that holds it', async () => {
    const edges = await list('first: 10', 'name purchaseUrl');
    expect(
      Object.fromEntries(
        edges.map(({ node }) => [node.name, (node as unknown as { purchaseUrl: string }).purchaseUrl]),
      ),
    ).toEqual({
      Atlas: 'https://school.apple.com',
      biology: 'https://business.apple.com',
      Chess: 'https://school.apple.com',
      'Drawing 100%': null,
    });
  });

  test('S43 its license detail: holder, token, since when', async () => {
    const { app } = await ask(
      `{ app(adamId: "900") { licenseDetails(first: 10) { totalCount edges { node {
          holder { __typename ... on Device { serialNumber osVersion } } token { label } since sinceIsFirstSeen state source } } } } }`,
    );
    expect(app.licenseDetails).toEqual({
      totalCount: 1,
      edges: [
        {
          node: {
            holder: { __typename: 'Device', serialNumber: 'DMPA1', osVersion: '18.0' },
            token: { label: 'First' },
            since: '2026-03-01T11:00:00.000Z',
            sinceIsFirstSeen: false,
            state: 'CONFIRMED',
            source: 'RUSSET',
          },
        },
      ],
    });
  });

  test('S47 holderHasLicense tells a device that holds it from one that does not', async () => {
    const { prisma } = api.services;
    const [holder, other] = await prisma.device.findMany({
      where: { organizationId },
      orderBy: { serialNumber: 'asc' },
    });
    const edges = await ask(
      '{ apps(first: 4) { edges { node { name ' +
        `mine: holderHasLicense(deviceId: "${globalId('Device', holder!.id)}") ` +
        `theirs: holderHasLicense(deviceId: "${globalId('Device', other!.id)}") } } } }`,
    ).then((data) => data.apps.edges as { node: { name: string; mine: boolean; theirs: boolean } }[]);
    expect(edges.filter(({ node }) => node.mine).map(({ node }) => node.name)).toEqual(['Atlas']);
    expect(edges.filter(({ node }) => node.theirs)).toEqual([]);
  });

  test('G1 nodes(ids:) gives each app once, in order, and null for what is not there', async () => {
    const ids = ['Chess', 'Atlas'].map((name) => globalId('App', apps[name]!));
    const { nodes } = await ask('query($ids: [ID!]!) { nodes(ids: $ids) { id ... on App { name } } }', {
      ids: [ids[0], globalId('App', 999_999n), ids[1]],
    });
    expect(nodes).toEqual([{ id: ids[0], name: 'Chess' }, null, { id: ids[1], name: 'Atlas' }]);
  });
});

describe('S22 holders', () => {
  test('S22 the holders of a page of licenses are read together', async () => {
    const { prisma } = api.services;
    const pool = await prisma.licensePool.findFirstOrThrow({ where: { appId: apps.biology! } });
    for (let index = 0; index < 20; index += 1)
      await addLicense(prisma, pool, await addDevice(prisma, organizationId, `HOLD${index}`));
    const read = (size: number) =>
      statementsOf(() =>
        ask(
          `{ licenses(first: ${size}) { edges { node { holder { ... on Device { serialNumber family } } app { name } token { label } } } } }`,
        ),
      );
    const few = await read(2);
    const many = await read(20);
    expect(many.result.licenses.edges).toHaveLength(20);
    expect(many.statements.length).toBe(few.statements.length);
  });

  test('S72 S73 tokens are listed in their order, with owner and state', async () => {
    const { tokens } = await ask(
      '{ tokens(first: 10) { totalCount edges { node { label source providedBy state daysLeft completeness accountType region } } } }',
    );
    expect(tokens.edges.map((edge: { node: { label: string } }) => edge.node.label)).toEqual(['First', 'Second']);
    expect(tokens.edges[0].node).toMatchObject({
      source: 'OWN',
      providedBy: null,
      state: 'ACTIVE',
      daysLeft: 305,
      completeness: 'NEVER',
    });
  });

  test('S70 tasks can be filtered and come newest first', async () => {
    const old = await addTask(api.services.prisma, organizationId);
    const young = await addTask(api.services.prisma, organizationId);
    await api.services.prisma.task.updateMany({
      where: { id: old.id },
      data: { state: 'FAILED', cause: { code: 'APPLE_9622', message: 'no', appleErrorNumber: 9622 } },
    });
    const { tasks } = await ask(
      '{ tasks(first: 10) { edges { node { id } } } failed: tasks(first: 10, states: [FAILED]) { edges { node { cause { code appleErrorNumber } } } } }',
    );
    expect(tasks.edges.map((edge: { node: { id: string } }) => edge.node.id)).toEqual([
      globalId('Task', young.id),
      globalId('Task', old.id),
    ]);
    expect(tasks.failed ?? null).toBeNull();
  });

  test('devices are found by part of the serial number, those that only a license names are hidden', async () => {
    await api.services.prisma.device.create({
      data: {
        organizationId,
        serialNumber: 'DMPHIDDEN',
        serialOriginal: 'x',
        origin: 'LICENSE',
        createdAt: new Date(),
        updatedAt: new Date(),
      },
    });
    const { devices, device, hidden } = await ask(
      `{ devices(first: 10, search: "dmp") { edges { node { serialNumber } } }
         device(by: { serialNumber: " dmpa2 " }) { serialNumber }
         hidden: devices(first: 10, origins: [LICENSE]) { totalCount } }`,
    );
    expect(devices.edges.map((edge: { node: { serialNumber: string } }) => edge.node.serialNumber)).toEqual([
      'DMPA1',
      'DMPA2',
    ]);
    expect(device).toEqual({ serialNumber: 'DMPA2' });
    expect(hidden).toEqual({ totalCount: 1 });
  });

  test('S65 by whether the MDM server reaches them, wherever they were met', async () => {
    const { prisma } = api.services;
    const there = await addDevice(prisma, organizationId, 'ENROLL1');
    const gone = await addDevice(prisma, organizationId, 'ENROLL2');
    await addDevice(prisma, organizationId, 'ENROLL3');
    for (const device of [there, gone]) await addEnrollment(prisma, device);
    const left = { organizationId, deviceId: gone.id };
    await prisma.enrollment.updateMany({ where: left, data: { state: 'GONE', goneAt: new Date() } });
    const list = '(first: 10, search: "ENROLL", enrolled: $enrolled) { totalCount edges { node { serialNumber } } }';
    for (const [enrolled, serials] of [
      [true, ['ENROLL1']],
      [false, ['ENROLL2', 'ENROLL3']],
      [null, ['ENROLL1', 'ENROLL2', 'ENROLL3']],
    ] as const) {
      const { devices } = await ask(`query ($enrolled: Boolean) { devices${list} }`, { enrolled });
      expect(devices.totalCount).toBe(serials.length);
      expect(devices.edges.map((edge: { node: { serialNumber: string } }) => edge.node.serialNumber)).toEqual(serials);
    }
  });
});

describe('G1 pages of any size take at most three statements, the sign-in among them', () => {
  const appsPage =
    'apps(first: $n) { edges { cursor node { id name deviceAssignable licenses { total used available asOf } pools { id used total token { label position state } } } } pageInfo { hasNextPage endCursor } }';
  const devicesPage =
    'devices(first: $n) { edges { node { id serialNumber licenses(first: 10) { edges { node { id state since app { id name } token { id label } } } pageInfo { hasNextPage } } } } }';
  const licensesPage =
    'licenses(first: $n) { edges { node { id app { name } token { label } holder { ... on Device { serialNumber } } } } }';

  test.each([
    ['the apps with their pools and tokens', appsPage],
    ['the devices with their licenses, apps and tokens', devicesPage],
    ['the licenses with app, token and holder', licensesPage],
  ])('G1 %s', async (_name, field) => {
    for (const size of [1, 3, 100]) {
      const { statements, result } = await statementsOf(() => ask(`query($n: Int!) { ${field} }`, { n: size }));
      expect(Object.values(result)[0]).toBeDefined();
      expect(statements.length, statements.join('\n')).toBeLessThanOrEqual(3);
    }
  });

  test('S43 what is read along with a page is that of each row', async () => {
    const { devices } = await ask(
      '{ devices(first: 100) { edges { node { serialNumber licenses(first: 20) { edges { node { app { name } token { label } holder { ... on Device { serialNumber } } } } } } } } }',
    );
    const rows = devices.edges.flatMap(
      ({ node }: { node: { serialNumber: string; licenses: { edges: { node: Record<string, unknown> }[] } } }) =>
        node.licenses.edges.map((edge) => ({ ...edge.node, of: node.serialNumber })),
    );
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) expect(row.holder).toEqual({ serialNumber: row.of });
    expect(rows.find((row: { of: string }) => row.of === 'DMPA1')).toEqual({
      app: { name: 'Atlas' },
      token: { label: 'First' },
      holder: { serialNumber: 'DMPA1' },
      of: 'DMPA1',
    });
  });

  test('G1 the licenses of a device page forward and backward', async () => {
    const { prisma } = api.services;
    const device = await addDevice(prisma, organizationId, 'PAGED1');
    for (const name of ['Atlas', 'biology', 'Chess']) {
      const pool = await prisma.licensePool.findFirstOrThrow({ where: { appId: apps[name]! } });
      await addLicense(prisma, pool, device);
    }
    const page = async (args: string) => {
      const answer = await ask(
        `{ device(by: { serialNumber: "paged1" }) { licenses(${args}) { totalCount edges { cursor node { app { name } } } pageInfo { hasNextPage hasPreviousPage } } } }`,
      );
      return answer.device.licenses;
    };
    const all = await page('first: 10');
    const shown = (part: { edges: { node: { app: { name: string } } }[] }) =>
      part.edges.map((edge) => edge.node.app.name);
    expect(all.totalCount).toBe(3);
    expect(shown(all)).toEqual(['Atlas', 'biology', 'Chess']);
    const next = await page(`first: 1, after: "${all.edges[0].cursor}"`);
    expect([shown(next), next.pageInfo]).toEqual([['biology'], { hasNextPage: true, hasPreviousPage: true }]);
    const last = await page(`last: 2, before: "${all.edges[2].cursor}"`);
    expect([shown(last), last.pageInfo]).toEqual([['Atlas', 'biology'], { hasNextPage: true, hasPreviousPage: false }]);
  });
});
