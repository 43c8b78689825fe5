/** An organization's MDM server: connected, tried, changed, removed; its secrets are sealed and never shown. */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Context, Failpoint } from '../../src/domain/context.ts';
import { rewrapMdm } from '../../src/domain/installation/rewrap-mdm.ts';
import { openAccess } from '../../src/domain/mdm/access.ts';
import { mdmWebhook } from '../../src/domain/mdm/address.ts';
import { type ConnectMdmInput, connectMdm } from '../../src/domain/mdm/connect.ts';
import { presentConnection } from '../../src/domain/mdm/find.ts';
import { removeMdm } from '../../src/domain/mdm/remove.ts';
import { testMdm } from '../../src/domain/mdm/test.ts';
import { updateMdm } from '../../src/domain/mdm/update.ts';
import { warningsOf } from '../../src/domain/mdm/warnings.ts';
import { createKeyRing } from '../../src/domain/token/key-ring.ts';
import { createNanoMdm } from '../../src/mdm/nanomdm/client.ts';
import { createDeviceWorld, type DeviceWorld } from './command/support.ts';

const apiKey = 'the-api-key';
/** Keys that the server takes, and paths at which its API is. */
let taken: string[] = [];
const server = createServer((request, response) => {
  const key = Buffer.from(request.headers.authorization?.slice(6) ?? '', 'base64').toString();
  if (request.url === '/version') return response.end('{"version":"v0.9.0"}');
  if (!request.url?.startsWith('/v1/')) return response.writeHead(404).end();
  if (!taken.includes(key)) return response.writeHead(401).end('Unauthorized');
  response.writeHead(500).end('{"no_push":true,"command_error":"must enqueue or push"}');
});
let world: DeviceWorld;
let baseUrl: string;
let context: Context;
const old = createKeyRing([{ id: 'old', bytes: new Uint8Array(32).fill(1) }]);
const ring = createKeyRing([
  { id: 'new', bytes: randomBytes(32) },
  { id: 'old', bytes: new Uint8Array(32).fill(1) },
]);

let connections = 0;
server.on('connection', () => connections++);

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  world = await createDeviceWorld({ mdm: createNanoMdm() });
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await world.close();
});
beforeEach(async () => {
  taken = [`nanomdm:${apiKey}`];
  const organization = await world.organization();
  await world.database.prisma.mdmConnection.deleteMany({ where: { organizationId: organization.organizationId } });
  const secrets = { ...world.services.secrets, seal: old.seal, open: ring.open };
  context = { ...organization.as(), secrets, failpoint: (_point: Failpoint) => {} };
});

const nano = (more: object = {}) => ({ kind: 'NANOMDM', baseUrl, apiKey, ...more }) as ConnectMdmInput;
const access = async (as: Context = context) => openAccess(as, (await presentConnection(as))!);

test('§5.1 connecting tries the server first, seals its keys and says what is left to do', async () => {
  expect(await connectMdm(context, nano())).toEqual({ version: 'v0.9.0' });
  const connection = (await presentConnection(context))!;
  expect(connection).toMatchObject({
    kind: 'NANOMDM',
    pathPrefix: '/v1/',
    userName: 'nanomdm',
    push: true,
    keyId: 'old',
  });
  expect(JSON.stringify(connection, (_key, value) => (typeof value === 'bigint' ? `${value}` : value))).not.toContain(
    apiKey,
  );
  expect(await access()).toEqual({ baseUrl, pathPrefix: '/v1/', userName: 'nanomdm', apiKey });
  expect(warningsOf(connection, { publicUrl: null }).map(({ code }) => code)).toEqual([
    'UNSIGNED_WEBHOOK',
    'NO_PUBLIC_URL',
  ]);
  const path = `/mdm/${connection.webhookId}`;
  expect(mdmWebhook({ publicUrl: null }, connection.webhookId)).toEqual({ path, url: null });
  expect(mdmWebhook({ publicUrl: 'https://r.example' }, connection.webhookId).url).toBe(`https://r.example${path}`);
  await expect(connectMdm(context, nano())).rejects.toMatchObject({ code: 'MDM_ALREADY_CONNECTED' });
  const [entry] = await context.prisma.auditEntry.findMany({
    where: { organizationId: context.actor.organizationId, action: 'mdm.connect' },
  });
  expect(entry).toMatchObject({ data: { kind: 'NANOMDM' } });
});

test("§5.1 a server that can't be used is told apart and not stored", async () => {
  const problem = (input: object) => connectMdm(context, nano(input)).catch((error: unknown) => error);
  expect(await problem({ apiKey: 'wrong' })).toMatchObject({
    code: 'MDM_UNAVAILABLE',
    problem: 'UNAUTHORIZED',
    httpStatus: 401,
  });
  expect(await problem({ server: 'NANOHUB' })).toMatchObject({ problem: 'WRONG_PREFIX' });
  expect(await problem({ userName: 'somebody' })).toMatchObject({ problem: 'UNAUTHORIZED' });
  expect(await problem({ baseUrl: 'http://127.0.0.2:9' })).toMatchObject({ problem: 'UNREACHABLE' });
  expect(await presentConnection(context)).toBeNull();
});

test.each([
  'ftp://mdm.example',
  'mdm.example',
  'http://user:pass@mdm.example',
  'http://mdm.example?x=1',
  'http://169.254.169.254',
  'http://0xa9fea9fe/',
  'http://[::ffff:169.254.169.254]/',
  'http://[fd00:ec2::254]/',
  'http://metadata.google.internal',
  'file:///etc/passwd',
])('§5.1 an address like %s is refused unasked', async (address) => {
  const failure = await connectMdm(context, nano({ baseUrl: address })).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 'INVALID_INPUT', inputPath: ['baseUrl'] });
  expect((failure as Error).message).not.toContain('user:pass');
});

test('§5.1 changing it: a new key, another webhook, and a stored key never goes to another host', async () => {
  await connectMdm(context, nano({ hmacKey: 'h' }));
  const before = (await presentConnection(context))!;
  taken = ['nanomdm:replaced'];
  await expect(testMdm(context)).rejects.toMatchObject({ problem: 'UNAUTHORIZED' });
  expect(await presentConnection(context)).toMatchObject({ problem: { code: 'UNAUTHORIZED' } });
  await expect(updateMdm(context, { userName: 'other' })).rejects.toMatchObject({ problem: 'UNAUTHORIZED' });
  expect(await updateMdm(context, { name: 'x', push: false, hmacKey: 'i' })).toEqual({ version: null });
  expect(await presentConnection(context)).toMatchObject({ name: 'x', push: false, problem: { code: 'UNAUTHORIZED' } });
  await updateMdm(context, { apiKey: 'replaced', newWebhook: true });
  const after = (await presentConnection(context))!;
  expect(after.webhookId).not.toBe(before.webhookId);
  expect(after.hmacKeyJwe).not.toBeNull();
  expect(after.problem).toBeNull();
  expect(await access()).toMatchObject({ apiKey: 'replaced' });
  expect(await testMdm(context)).toEqual({ called: true, version: 'v0.9.0' });
  const elsewhere = updateMdm(context, { baseUrl: baseUrl.replace('127.0.0.1', 'localhost') });
  await expect(elsewhere).rejects.toMatchObject({ code: 'INVALID_INPUT', inputPath: ['apiKey'] });
  await updateMdm(context, { hmacKey: null });
  expect(await presentConnection(context)).toMatchObject({ hmacKeyJwe: null });
  expect(await access()).toMatchObject({ apiKey: 'replaced' });
  const tests = await context.prisma.auditEntry.findMany({
    where: { organizationId: context.actor.organizationId, action: 'mdm.test' },
    orderBy: { id: 'asc' },
  });
  expect(tests.map(({ data }) => data)).toEqual([{ answered: false, problem: 'UNAUTHORIZED' }, { answered: true }]);
});

test('§5.1 removing it says what is open, ends it, and frees the way for another', async () => {
  await connectMdm(context, nano());
  const { id: connectionId } = (await presentConnection(context))!;
  const { organizationId } = context.actor;
  const now = context.clock.now();
  const { prisma } = context;
  const device = await prisma.device.create({
    data: {
      ...{ organizationId, serialNumber: 'TOLD', serialOriginal: 'TOLD', origin: 'MDM', mdmTold: ['name'] },
      ...{ createdAt: now, updatedAt: now },
    },
  });
  const enrollment = await prisma.enrollment.create({
    data: { organizationId, connectionId, enrollmentId: 'A', state: 'ENROLLED', deviceId: device.id },
  });
  const command = {
    organizationId,
    connectionId,
    enrollmentId: enrollment.id,
    generation: 1,
    deadlineAt: now,
    createdAt: now,
  };
  for (const state of ['PLANNED', 'SENT', 'QUEUED'] as const) {
    const request = { kind: 'DEVICE_INFORMATION' };
    await prisma.deviceCommand.create({ data: { ...command, kind: 'DEVICE_INFORMATION', request, state } });
  }
  const open = { cancelled: 1, lost: 2, devices: 1 };
  expect(await removeMdm(context, { preview: true })).toEqual({ removed: false, ...open });
  expect(await removeMdm(context)).toEqual({ removed: true, ...open });
  const commands = await prisma.deviceCommand.findMany({ where: { organizationId }, orderBy: { id: 'asc' } });
  expect(commands.map(({ state }) => state)).toEqual(['CANCELLED', 'LOST', 'LOST']);
  // The list may say again what its devices are.
  expect(await prisma.device.findFirstOrThrow({ where: { organizationId } })).toMatchObject({ mdmTold: [] });
  const removed = await prisma.mdmConnection.findFirstOrThrow({ where: { organizationId } });
  expect(removed).toMatchObject({ apiKeyJwe: null, hmacKeyJwe: null, removedAt: now });
  await expect(removeMdm(context)).rejects.toMatchObject({ code: 'MDM_NOT_CONNECTED' });
  await expect(testMdm(context)).rejects.toMatchObject({ code: 'MDM_NOT_CONNECTED' });
  await connectMdm(context, { kind: 'GRAPHQL' });
  expect(await testMdm(context)).toEqual({ called: false, version: null });
  const useless = { code: 'INVALID_INPUT', inputPath: ['baseUrl'] };
  await expect(updateMdm(context, { baseUrl, push: true })).rejects.toMatchObject(useless);
  await expect(updateMdm(context, { newWebhook: true })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  await updateMdm(context, { name: 'Ours' });
  expect(await presentConnection(context)).toMatchObject({ kind: 'GRAPHQL', name: 'Ours' });
});

test('§5.1 what only a server has that Russet calls is not dropped silently', async () => {
  const input = { kind: 'GRAPHQL', baseUrl, apiKey } as never;
  await expect(connectMdm(context, input)).rejects.toMatchObject({ code: 'INVALID_INPUT', inputPath: ['baseUrl'] });
  expect(await presentConnection(context)).toBeNull();
});

test('§5.1 a name that leads to where clouds hand out credentials is not called', async () => {
  const leads = (address: string) => createNanoMdm({ resolve: async () => ['10.0.0.1', address] });
  const call = (mdm: ReturnType<typeof leads>) =>
    connectMdm({ ...context, mdm }, nano({ baseUrl: baseUrl.replace('127.0.0.1', 'mdm.example') }));
  const before = connections;
  for (const address of ['169.254.169.254', '::ffff:169.254.169.254', 'fe80::1%eth0'])
    await expect(call(leads(address))).rejects.toMatchObject({
      code: 'MDM_UNAVAILABLE',
      problem: 'UNREACHABLE',
      message: expect.stringContaining('credentials'),
    });
  expect(connections).toBe(before);
  await call(createNanoMdm({ resolve: async () => ['127.0.0.1'] }));
  expect(connections).toBeGreaterThan(before);
});

test('§5.1 a name is looked up once: who answers the second question differently is not asked it', async () => {
  const asked: string[] = [];
  // The first address is one for documentation: nobody is there.
  const answers = [['203.0.113.1'], ['127.0.0.1'], ['127.0.0.1']];
  const rebinding = createNanoMdm({
    timeouts: { test: 300 },
    resolve: async (host) => answers[asked.push(host) - 1]!,
  });
  const before = connections;
  const connecting = connectMdm(
    { ...context, mdm: rebinding },
    nano({ baseUrl: baseUrl.replace('127.0.0.1', 'mdm.example') }),
  );
  await expect(connecting).rejects.toMatchObject({ code: 'MDM_UNAVAILABLE' });
  expect(connections).toBe(before);
  expect(asked).toEqual(['mdm.example']);
});

test('§5.1 two who connect at once: one of them is refused', async () => {
  const both = await Promise.allSettled([connectMdm(context, nano()), connectMdm(context, nano())]);
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(both.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'MDM_ALREADY_CONNECTED' } });
});

test('§5.1 without the right nothing is read or changed', async () => {
  const employee = { ...context, actor: { ...context.actor, scopes: ['mdm:read'] } } as Context;
  for (const verb of [
    () => connectMdm(employee, nano()),
    () => updateMdm(employee, {}),
    () => testMdm(employee),
    () => removeMdm(employee),
  ])
    await expect(verb()).rejects.toMatchObject({ code: 'FORBIDDEN' });
});

test('§5.1 rotate-key seals the secrets anew; one that no key opens is told', async () => {
  await connectMdm(context, nano({ hmacKey: 'h' }));
  const { prisma, clock } = context;
  await prisma.mdmConnection.updateMany({
    where: { organizationId: { not: context.actor.organizationId } },
    data: { keyId: 'new' },
  });
  const all = { prisma, clock, correlationId: 'test' };
  expect(await rewrapMdm(all, ring)).toEqual({ sealed: 1, unopened: [] });
  expect(await presentConnection(context)).toMatchObject({ keyId: 'new' });
  expect(await access()).toMatchObject({ apiKey });
  await prisma.mdmConnection.updateMany({
    where: { organizationId: context.actor.organizationId },
    data: { keyId: 'gone', apiKeyJwe: 'broken' },
  });
  const { unopened } = await rewrapMdm(all, ring);
  expect(unopened).toEqual([{ connectionId: (await presentConnection(context))!.id, reason: expect.any(String) }]);
});
