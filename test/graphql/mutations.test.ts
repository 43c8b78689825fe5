import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { globalId } from '../../src/graphql/ids.ts';
import { startApi, type TestApi } from '../http/support/api.ts';
import { addApp, addDevice, addEnrollment, addPool, addToken } from './rows.ts';

let api: TestApi;
let key: string;
let organizationId: bigint;
let app: string;
let token: { id: bigint };

beforeAll(async () => {
  api = await startApi();
  organizationId = await api.organization();
  key = await api.key(organizationId);
  const { prisma } = api.services;
  token = await addToken(prisma, organizationId);
  for (const table of ['token_gate', 'token_sync'] as const) await addTokenRow(table);
  const { id } = await addApp(prisma, organizationId, { name: 'Atlas', adamId: '900' });
  app = globalId('App', id);
  await addPool(prisma, { organizationId, tokenId: token.id, appId: id }, { total: 2n });
  for (const serial of ['ONE', 'TWO', 'THREE']) await addDevice(prisma, organizationId, serial);
});
afterAll(() => api.close());

async function addTokenRow(table: 'token_gate' | 'token_sync'): Promise<void> {
  const row = { organizationId, tokenId: token.id };
  const now = api.clock.now();
  if (table === 'token_gate')
    await api.services.prisma.tokenGate.create({ data: { ...row, nextSlotAt: now, nextSyncSlotAt: now } });
  else await api.services.prisma.tokenSync.create({ data: row });
}

const associate = `mutation($input: AssociateLicensesInput!) {
  associateLicenses(input: $input) {
    __typename
    ... on AssociateLicensesPayload { replayed task { id kind state requested tokens { label } } }
    ... on UserError { code message path }
    ... on NoLicensesAvailableError { requested available asOf skipped { reason } }
    ... on UnknownDeviceError { devices count }
  }
}`;
const input = (serialNumbers: string[], more: object = {}) => ({
  input: { appIds: [app], target: { serialNumbers }, ...more },
});

describe('S44 associateLicenses', () => {
  test('S46 more than there are is a typed refusal with its numbers', async () => {
    const { data } = await api.ask(key, associate, input(['ONE', 'TWO', 'THREE']));
    expect(data.associateLicenses).toMatchObject({
      __typename: 'NoLicensesAvailableError',
      code: 'NO_LICENSES_AVAILABLE',
      path: ['appIds'],
      requested: 3,
      available: 2,
      asOf: '2026-03-01T11:00:00.000Z',
    });
  });

  test('an unknown device is refused and named', async () => {
    const { data } = await api.ask(key, associate, input(['ONE', 'NOBODY']));
    expect(data.associateLicenses).toMatchObject({
      __typename: 'UnknownDeviceError',
      devices: ['NOBODY'],
      count: 1,
      path: ['target'],
    });
  });

  test('G3 a key that may only write gets the task that it started, and the same one for the same idempotency key', async () => {
    const narrow = await api.key(organizationId, 'APPSTORE_MANAGER', ['licenses:write']);
    const query = associate.replace('tokens { label }', '');
    const first = await api.ask(narrow, query, input(['ONE'], { idempotencyKey: 'a' }));
    expect(first.errors).toBeUndefined();
    expect(first.data.associateLicenses).toMatchObject({
      replayed: false,
      task: { kind: 'ASSOCIATE', state: 'QUEUED', requested: 1 },
    });
    const again = await api.ask(narrow, query, input(['ONE'], { idempotencyKey: 'a' }));
    expect(again.data.associateLicenses).toMatchObject({
      replayed: true,
      task: { id: first.data.associateLicenses.task.id },
    });
    const other = await api.ask(narrow, query, input(['TWO'], { idempotencyKey: 'a' }));
    expect(other.data.associateLicenses).toMatchObject({
      __typename: 'IdempotencyKeyReusedError',
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
    const elsewhere = await api.ask(narrow, 'query($id: ID!) { task(id: $id) { id } }', {
      id: first.data.associateLicenses.task.id,
    });
    expect(elsewhere.errors?.[0]?.extensions.code).toBe('FORBIDDEN');
  });

  test('S3 the grant of a payload ends with its object', async () => {
    const narrow = await api.key(organizationId, 'APPSTORE_MANAGER', ['licenses:write']);
    const answer = await api.ask(narrow, associate, input(['ONE'], { onError: 'SKIP_FAILED' }));
    expect(answer.errors?.[0]).toMatchObject({ extensions: { code: 'FORBIDDEN', required: 'tokens:read' } });
  });

  test('a global id of another type is refused with the place where it stands', async () => {
    const { data } = await api.ask(key, associate, {
      input: { appIds: [app, globalId('Task', 1n)], target: { serialNumbers: ['ONE'] } },
    });
    expect(data.associateLicenses).toMatchObject({ __typename: 'InvalidInputError', path: ['appIds', '1'] });
  });

  test('G15 two targets at once are refused before anything runs', async () => {
    const answer = await api.ask(key, associate, {
      input: { appIds: [app], target: { serialNumbers: ['ONE'], deviceIds: [] } },
    });
    expect(answer.errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT');
  });

  test('G17 a mutation of 10,000 ids fits', async () => {
    const serials = Array.from({ length: 10_000 }, (_, index) => `NOBODY${String(index).padStart(10, '0')}`);
    const { data } = await api.ask(key, associate, input(serials));
    expect(data.associateLicenses).toMatchObject({ __typename: 'UnknownDeviceError', count: 10_000 });
  });
});

describe('devices', () => {
  const upsert = `mutation($input: UpsertDevicesInput!) {
    upsertDevices(input: $input) {
      ... on UpsertDevicesPayload { created updated unchanged removed deviceIds }
      ... on UserError { code path }
      ... on RemovalNotConfirmedError { wouldRemove }
    }
  }`;
  const read = async (serialNumber: string) =>
    (
      await api.ask(key, 'query($s: String!) { device(by: { serialNumber: $s }) { name model osVersion family } }', {
        s: serialNumber,
      })
    ).data.device;

  test('upsertDevices keeps what is absent and clears what is null', async () => {
    await api.ask(key, upsert, {
      input: {
        devices: [{ serialNumber: ' new1 ', name: 'Pad', model: 'iPad13,1', family: 'IPAD', osVersion: '17.4' }],
      },
    });
    const { data } = await api.ask(key, upsert, {
      input: { devices: [{ serialNumber: 'NEW1', name: null, osVersion: '18.0' }] },
    });
    expect(data.upsertDevices).toMatchObject({ created: 0, updated: 1, unchanged: 0, removed: 0 });
    expect(await read('NEW1')).toEqual({ name: null, model: 'iPad13,1', osVersion: '18.0', family: 'IPAD' });
  });

  test('replaceAll without the right number is refused with it', async () => {
    const { data } = await api.ask(key, upsert, { input: { devices: [{ serialNumber: 'ONE' }], replaceAll: true } });
    expect(data.upsertDevices).toEqual({ code: 'REMOVAL_NOT_CONFIRMED', path: ['confirmRemovals'], wouldRemove: 3 });
  });

  test('removeDevices', async () => {
    const query =
      'mutation($input: RemoveDevicesInput!) { removeDevices(input: $input) { ... on RemoveDevicesPayload { removed task { id } } } }';
    const { data } = await api.ask(key, query, { input: { target: { serialNumbers: ['NEW1'] } } });
    expect(data.removeDevices).toEqual({ removed: 1, task: null });
    expect((await api.ask(key, '{ device(by: { serialNumber: "NEW1" }) { removedAt } }')).data.device.removedAt).toBe(
      api.clock.now().toISOString(),
    );
  });
});

describe('the rest', () => {
  test('S39 setAppStatus', async () => {
    const query =
      'mutation($input: SetAppStatusInput!) { setAppStatus(input: $input) { ... on SetAppStatusPayload { count apps { status } } } }';
    expect((await api.ask(key, query, { input: { appIds: [app], status: 'REVIEW' } })).data.setAppStatus).toEqual({
      count: 1,
      apps: [{ status: 'REVIEW' }],
    });
  });

  test('S37 S71 syncLicenses starts one task for each token, and joins the one under way', async () => {
    const query =
      'mutation { syncLicenses(input: {}) { ... on SyncLicensesPayload { syncs { joined token { label } task { id kind state } } skipped { state } } } }';
    const first = (await api.ask(key, query)).data.syncLicenses;
    expect(first).toMatchObject({
      syncs: [{ joined: false, token: { label: 'Main' }, task: { kind: 'SYNC', state: 'QUEUED' } }],
      skipped: [],
    });
    expect((await api.ask(key, query)).data.syncLicenses.syncs[0]).toMatchObject({
      joined: true,
      task: { id: first.syncs[0].task.id },
    });
  });

  test('cancelTask ends a task that has not begun, once', async () => {
    const { data } = await api.ask(key, '{ tasks(first: 1, kinds: [SYNC]) { edges { node { id } } } }');
    const query =
      'mutation($input: CancelTaskInput!) { cancelTask(input: $input) { ... on CancelTaskPayload { task { state } } ... on UserError { code } } }';
    const cancel = () => api.ask(key, query, { input: { taskId: data.tasks.edges[0].node.id } });
    expect((await cancel()).data.cancelTask).toEqual({ task: { state: 'CANCELLED' } });
    expect((await cancel()).data.cancelTask).toEqual({ code: 'TASK_FINISHED' });
  });

  test('S80 reorderTokens refuses a list that is not whole', async () => {
    const query =
      'mutation($input: ReorderTokensInput!) { reorderTokens(input: $input) { ... on ReorderTokensPayload { tokens { position } } ... on UserError { code path } } }';
    expect((await api.ask(key, query, { input: { tokenIds: [] } })).data.reorderTokens).toEqual({
      code: 'INVALID_INPUT',
      path: ['tokenIds'],
    });
    expect(
      (await api.ask(key, query, { input: { tokenIds: [globalId('Token', token.id)] } })).data.reorderTokens.tokens,
    ).toEqual([{ position: 1 }]);
  });

  test('S11 updateToken refuses a malformed address, and null clears only who provides it', async () => {
    const query = `mutation($input: UpdateTokenInput!) {
      updateToken(input: $input) { ... on UpdateTokenPayload { token { email providedBy region } } ... on UserError { code path } }
    }`;
    const update = async (fields: object) =>
      (await api.ask(key, query, { input: { tokenId: globalId('Token', token.id), ...fields } })).data.updateToken;
    expect(await update({ email: 'nobody' })).toEqual({ code: 'INVALID_INPUT', path: ['email'] });
    expect(await update({ providedBy: 'Authority', email: null })).toEqual({
      token: { email: 'it@example.org', providedBy: 'Authority', region: 'DE' },
    });
    expect(await update({ providedBy: null })).toEqual({
      token: { email: 'it@example.org', providedBy: null, region: 'DE' },
    });
  });

  test('S7 uploadToken refuses what is no token file, with the precise cause', async () => {
    const query =
      'mutation($input: UploadTokenInput!) { uploadToken(input: $input) { __typename ... on InvalidTokenFileError { code path reason } } }';
    const { data } = await api.ask(key, query, { input: { file: 'nonsense' } });
    expect(data.uploadToken).toMatchObject({
      __typename: 'InvalidTokenFileError',
      code: 'INVALID_TOKEN_FILE',
      path: ['file'],
    });
    expect(data.uploadToken.reason).toMatch(/^[A-Z_]+$/);
  });

  test('G18 every write left its entry, readable by API and tied to its request', async () => {
    const { data } = await api.ask(
      key,
      '{ auditEntries(first: 100) { edges { node { action actor subject correlationId task { kind } } } } }',
    );
    const entries = data.auditEntries.edges.map((edge: { node: { action: string } }) => edge.node);
    const actions = new Set(entries.map((entry: { action: string }) => entry.action));
    for (const action of [
      'license.associate',
      'device.upsert',
      'device.remove',
      'app.set-status',
      'sync.start',
      'task.cancel',
      'token.reorder',
      'token.update',
      'api-key.create',
    ]) {
      expect(actions).toContain(action);
    }
    for (const entry of entries) expect(entry.correlationId).toBeTruthy();
    expect(entries.find((entry: { action: string }) => entry.action === 'license.associate').task).toEqual({
      kind: 'ASSOCIATE',
    });
  });
});

describe('F5 plan, then apply', () => {
  const planned = `mutation($input: PlanAssociationInput!) {
    planAssociation(input: $input) {
      ... on PlanAssociationPayload { plan { id kind refusal { code } apps { app { name } requested given refused shortfall }
        items(first: 10) { totalCount edges { node { outcome serialNumber code token { label } } } } } }
      ... on UserError { code message }
    }
  }`;
  const apply = `mutation($planId: ID!) {
    applyPlan(input: { planId: $planId }) {
      __typename
      ... on ApplyPlanPayload { replayed task { id kind requested } plan { appliedAt task { id } } }
      ... on PlanStaleError { code changed }
      ... on UserError { code message }
    }
  }`;

  test('F5 a plan says what each item gets and how many seats are missing', async () => {
    const { data, errors } = await api.ask(
      key,
      planned,
      input(['ONE', 'TWO', 'THREE', 'NOBODY'], { onError: 'SKIP_FAILED' }),
    );
    expect(errors).toBeUndefined();
    const { plan } = data.planAssociation;
    expect(plan.refusal).toBeNull();
    expect(plan.apps).toEqual([
      {
        app: { name: 'Atlas' },
        requested: 4,
        given: expect.any(Number),
        refused: expect.any(Number),
        shortfall: expect.any(Number),
      },
    ]);
    expect(plan.items.totalCount).toBe(4);
    const codes = plan.items.edges.map(({ node }: { node: { code: string | null } }) => node.code);
    expect(codes).toContain('UNKNOWN_DEVICE');
  });

  test('F5 applied it is a task, once; a plan that no longer holds is refused and says why', async () => {
    const app = globalId('App', (await addFreeApp()).id);
    const make = async (serial: string) =>
      (await api.ask(key, planned, { input: { appIds: [app], target: { serialNumbers: [serial] } } })).data
        .planAssociation.plan.id;
    const [first, second] = [await make('ONE'), await make('TWO')];
    const applied = (await api.ask(key, apply, { planId: first })).data.applyPlan;
    expect(applied).toMatchObject({
      __typename: 'ApplyPlanPayload',
      replayed: false,
      task: { kind: 'ASSOCIATE', requested: 1 },
    });
    expect(applied.plan.task.id).toBe(applied.task.id);
    expect((await api.ask(key, apply, { planId: first })).data.applyPlan).toMatchObject({
      replayed: true,
      task: { id: applied.task.id },
    });
    expect((await api.ask(key, apply, { planId: second })).data.applyPlan).toMatchObject({
      code: 'PLAN_STALE',
      changed: ['LICENSES'],
    });
  });

  test('F5 whoever may remove a token may apply the plan of it, with no right to licenses', async () => {
    const other = await addToken(api.services.prisma, organizationId);
    const row = { organizationId, tokenId: other.id };
    const now = api.clock.now();
    await api.services.prisma.tokenGate.create({ data: { ...row, nextSlotAt: now, nextSyncSlotAt: now } });
    await api.services.prisma.tokenSync.create({ data: row });
    const narrow = await api.key(organizationId, 'ADMINISTRATOR', ['tokens:read', 'tokens:write']);
    const remove = `mutation($tokenId: ID!) { planTokenRemoval(input: { tokenId: $tokenId, releaseLicenses: false }) {
      ... on PlanTokenRemovalPayload { plan { id } } ... on UserError { code message } } }`;
    const { data, errors } = await api.ask(narrow, remove, { tokenId: globalId('Token', other.id) });
    expect(errors).toBeUndefined();
    const planId = data.planTokenRemoval.plan.id;
    const reader = await api.key(organizationId, 'ADMINISTRATOR', ['tokens:read']);
    expect((await api.ask(reader, apply, { planId })).errors?.[0]?.extensions.code).toBe('FORBIDDEN');
    expect((await api.ask(narrow, apply, { planId })).data.applyPlan).toMatchObject({
      __typename: 'ApplyPlanPayload',
      replayed: false,
      task: null,
    });
  });

  async function addFreeApp() {
    const { prisma } = api.services;
    const free = await addApp(prisma, organizationId, { name: 'Beacon', adamId: '901' });
    await addPool(prisma, { organizationId, tokenId: token.id, appId: free.id }, { total: 5n });
    return free;
  }
});

describe('S28 installApps', () => {
  const install = `mutation($input: InstallAppsInput!) {
    installApps(input: $input) {
      __typename
      ... on InstallAppsPayload {
        task { id kind requested failed failures(first: 5) { edges { node { code deviceId } } } operations(first: 5) { totalCount edges { node { id kind state attempts nextTryAt history { state } license { state } app { name } device { serialNumber } } } } }
        licenses { kind requested }
      }
      ... on UserError { code path }
    }
  }`;
  const devices = async (...serialNumbers: string[]) => {
    const rows = await Promise.all(serialNumbers.map((one) => addDevice(api.services.prisma, organizationId, one)));
    return rows.map((row) => globalId('Device', row.id));
  };

  test('S28 without an MDM server it is refused as a whole; with one each item answers for itself, and what is under way is read', async () => {
    const { prisma } = api.services;
    const { id } = await addApp(prisma, organizationId, { name: 'Compass', adamId: '9001' });
    await addPool(prisma, { organizationId, tokenId: token.id, appId: id }, { total: 5n });
    const deviceIds = await devices('INST0', 'INST1', 'INST2');
    await prisma.device.updateMany({ where: { organizationId, serialNumber: 'INST2' }, data: { family: 'MAC' } });
    const input = { appIds: [globalId('App', id)], target: { deviceIds } };
    const refused = await api.ask(key, install, { input });
    expect(refused.data.installApps).toMatchObject({ __typename: 'MdmNotConnectedError', code: 'MDM_NOT_CONNECTED' });
    const [first] = await prisma.device.findMany({ where: { organizationId, serialNumber: 'INST0' } });
    await addEnrollment(prisma, first!);
    const { data } = await api.ask(key, install, { input });
    const { task, licenses } = data.installApps;
    expect(licenses).toEqual({ kind: 'ASSOCIATE', requested: 1 });
    expect(task).toMatchObject({ kind: 'INSTALL', requested: 3, failed: 2, operations: { totalCount: 1 } });
    const codes = task.failures.edges.map(({ node }: { node: { code: string } }) => node.code);
    expect(codes.sort()).toEqual(['DEVICE_NOT_ENROLLED', 'INSTALL_NOT_SUPPORTED']);
    expect(task.operations.edges[0].node).toMatchObject({
      kind: 'INSTALL',
      state: 'WAITING_FOR_LICENSE',
      attempts: 0,
      nextTryAt: null,
      history: [],
      license: { state: 'REQUESTED' },
      app: { name: 'Compass' },
      device: { serialNumber: 'INST0' },
    });
    const atomic = await api.ask(key, install, { input: { ...input, onError: 'ATOMIC' } });
    expect(atomic.data.installApps.__typename).toMatch(
      /^(OperationInProgress|DeviceNotEnrolled|InstallNotSupported)Error$/,
    );
    const cancelled = await api.ask(
      key,
      'mutation($input: CancelTaskInput!) { cancelTask(input: $input) { ... on CancelTaskPayload { underWay task { cancelRequestedAt } } } }',
      { input: { taskId: task.id } },
    );
    expect(cancelled.data.cancelTask).toMatchObject({ underWay: 0, task: { cancelRequestedAt: expect.any(String) } });
    const again = await api.ask(
      key,
      `{ node(id: "${task.operations.edges[0].node.id}") { ... on AppOperation { state cause { code } endedAt } } }`,
    );
    expect(again.data.node).toMatchObject({ state: 'CANCELLED', cause: { code: 'CANCELLED' } });
  });
});
