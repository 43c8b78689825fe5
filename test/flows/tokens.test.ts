import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  AppleUnavailableError,
  InvalidInputError,
  InvalidTokenFileError,
  NotFoundError,
  TokenHoldsLicensesError,
} from '../../src/domain/errors.ts';
import { listTokens } from '../../src/domain/token/find.ts';
import { removeToken } from '../../src/domain/token/remove.ts';
import { reorderTokens } from '../../src/domain/token/reorder.ts';
import { daysLeft, tokenState } from '../../src/domain/token/state.ts';
import { updateToken } from '../../src/domain/token/update.ts';
import { uploadToken } from '../../src/domain/token/upload.ts';
import type { Fault } from '../../src/simulator/index.ts';
import { newTenant, readToken, type Tenant } from '../domain/sync/support.ts';
import { createWorld, schoolUnits, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

const file = (name = 'own') => world.simulator.admin.tokenFile(name);
const stateOf = async (tokenId: bigint) =>
  tokenState(await readToken(world, tokenId), world.clock.now(), world.services.settings);
const stored = ({ organizationId }: Tenant) => world.database.prisma.token.count({ where: { organizationId } });
const auditOf = ({ organizationId }: Tenant, action: string) =>
  world.database.prisma.auditEntry.findMany({ where: { organizationId, action } });

test('S6 tokens of Apple School Manager and of Apple Business, each with its account type', async () => {
  const tenant = await newTenant(world);
  expect(await readToken(world, await tenant.upload('own'))).toMatchObject({
    accountType: 'EDUCATION',
    uId: schoolUnits.own,
    organizationName: 'Riverbend School District',
    locationName: 'Riverbend Elementary',
    region: 'US',
  });
  expect(await readToken(world, await tenant.upload('business'))).toMatchObject({
    accountType: 'BUSINESS',
    region: 'DE',
  });
});

describe('S7 a text that is no token is refused with its cause: nothing is stored and nothing echoed', () => {
  const encoded = (content: string) => Buffer.from(content).toString('base64');
  const good = { token: 'c2VjcmV0LWlubmVyLXRva2Vu', expDate: '2027-11-08T22:33:22+0000', orgName: 'Example Org' };
  const causes: [string, string, string][] = [
    ['nothing', '', 'EMPTY'],
    ['not Base64', 'this is my token!', 'NOT_BASE64'],
    ['not JSON', encoded('{"token": "abc",'), 'NOT_JSON'],
    ['no token', encoded(JSON.stringify({ ...good, token: undefined })), 'MISSING_FIELD'],
    ['no expDate', encoded(JSON.stringify({ ...good, expDate: undefined })), 'MISSING_FIELD'],
    ['no orgName', encoded(JSON.stringify({ ...good, orgName: undefined })), 'MISSING_FIELD'],
    ['a bad date', encoded(JSON.stringify({ ...good, expDate: 'tomorrow' })), 'BAD_DATE'],
    ['a past date', encoded(JSON.stringify({ ...good, expDate: '2020-11-08T22:33:22+0000' })), 'EXPIRED'],
  ];
  test.each(causes)('S7 %s', async (_what, text, reason) => {
    const tenant = await newTenant(world);
    const failure = await uploadToken(tenant.context, { file: text, email: 'it@example.org' }).catch((error) => error);
    expect(failure).toBeInstanceOf(InvalidTokenFileError);
    expect(failure).toMatchObject({ reason, appleErrorNumber: null, inputPath: ['file'] });
    if (text.length > 0) expect(JSON.stringify([failure, failure.message])).not.toContain(text);
    expect(JSON.stringify([failure, failure.message])).not.toContain(good.token);
    expect(await stored(tenant)).toBe(0);
    expect(world.simulator.admin.journal({ operation: 'getClientConfig' })).toEqual([]);
  });

  test.each([
    [9621, 'EXPIRED'],
    [9622, 'REJECTED_BY_APPLE'],
    [9625, 'REVOKED'],
  ])('S7 %i of Apple', async (number, reason) => {
    const tenant = await newTenant(world);
    world.simulator.admin.faults.add({ fault: { kind: 'error', errorNumber: number } });
    const failure = await uploadToken(tenant.context, { file: file(), email: 'it@example.org' }).catch(
      (error) => error,
    );
    expect(failure).toBeInstanceOf(InvalidTokenFileError);
    expect(failure).toMatchObject({ reason, appleErrorNumber: number });
    expect(JSON.stringify([failure, failure.message, failure.stack])).not.toContain(file());
    expect(await stored(tenant)).toBe(0);
    expect(await auditOf(tenant, 'token.upload')).toEqual([]);
  });

  test.each([
    ['revoked', 'REVOKED'],
    ['expired', 'EXPIRED'],
  ])('S7 a %s token of the scenario', async (name, reason) => {
    const tenant = await newTenant(world);
    await expect(uploadToken(tenant.context, { file: file(name) })).rejects.toMatchObject({ reason });
    expect(await stored(tenant)).toBe(0);
  });

  test.each<[string, Fault]>([
    ['503', { kind: 'error', errorNumber: 9729, retryAfter: 30 }],
    ['a cut connection', { kind: 'reset', when: 'before' }],
  ])('S7 Apple is not to be reached (%s): APPLE_UNAVAILABLE, nothing stored', async (_what, fault) => {
    const tenant = await newTenant(world);
    world.simulator.admin.faults.add({ match: { path: 'client/config' }, fault });
    await expect(uploadToken(tenant.context, { file: file() })).rejects.toThrow(AppleUnavailableError);
    expect(await stored(tenant)).toBe(0);
  });

  test('S7 §15 Apple asks to wait for hours: APPLE_UNAVAILABLE says for how many seconds', async () => {
    const tenant = await newTenant(world);
    const fault: Fault = { kind: 'error', errorNumber: 9729, retryAfter: 7_200 };
    world.simulator.admin.faults.add({ match: { path: 'client/config' }, fault });
    await expect(uploadToken(tenant.context, { file: file() })).rejects.toMatchObject({
      retryAfter: 7_200,
      message: expect.stringContaining('in 120 minutes'),
    });
  });
});

test.each([
  ['as it is', (text: string) => text],
  ['with a byte-order mark and CRLF', (text: string) => `\uFEFF${text}\r\n`],
  ['broken into lines', (text: string) => text.replace(/.{64}/g, '$&\n')],
])('S8 the file’s text %s is one token, and Apple sees its bytes', async (_how, bend) => {
  const tenant = await newTenant(world);
  world.simulator.admin.setOptions({ bearerMatch: 'exact' });
  const { tokenId, renewed, changed, warnings } = await uploadToken(tenant.context, {
    file: bend(file()),
    email: 'it@example.org',
  });
  world.simulator.admin.setOptions({ bearerMatch: 'decoded' });
  expect({ renewed, changed, warnings }).toEqual({ renewed: false, changed: true, warnings: [] });
  expect(await stateOf(tokenId)).toBe('ACTIVE');
});

test('S9 tokens are listed in order, read, changed and removed; another organization sees none of it', async () => {
  const tenant = await newTenant(world);
  const own = await tenant.upload('own');
  const district = await tenant.upload('district');
  expect((await listTokens(tenant.context, world.database.prisma)).map((token) => token.id)).toEqual([own, district]);
  await updateToken(tenant.context, { tokenId: own, label: ' Elementary ', email: 'new@example.org', region: 'de' });
  expect(await readToken(world, own)).toMatchObject({ label: 'Elementary', email: 'new@example.org', region: 'DE' });
  expect(await auditOf(tenant, 'token.update')).toMatchObject([{ data: { changed: ['email', 'region', 'label'] } }]);
  expect(JSON.stringify(await auditOf(tenant, 'token.update'), (_k, v) => String(v))).not.toContain('new@example.org');
  const other = await newTenant(world);
  await expect(updateToken(other.context, { tokenId: own, label: 'Mine' })).rejects.toThrow(NotFoundError);
  await expect(removeToken(other.context, { tokenId: own })).rejects.toThrow(NotFoundError);
  await removeToken(tenant.context, { tokenId: district });
  expect((await listTokens(tenant.context, world.database.prisma)).map((token) => token.id)).toEqual([own]);
});

test('S11 S14 without an e-mail address a token is INCOMPLETE, with a good one ACTIVE; a bad one is refused', async () => {
  const tenant = await newTenant(world);
  for (const email of ['no-address', 'a@b', 'a b@example.org', '']) {
    await expect(uploadToken(tenant.context, { file: file(), email })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      inputPath: ['email'],
    });
  }
  expect(await stored(tenant)).toBe(0);
  const { tokenId, warnings } = await uploadToken(tenant.context, { file: file() });
  expect(warnings).toEqual([expect.stringContaining('INCOMPLETE')]);
  expect(await stateOf(tokenId)).toBe('INCOMPLETE');
  await expect(updateToken(tenant.context, { tokenId, email: 'nobody' })).rejects.toThrow(InvalidInputError);
  expect(await stateOf(tokenId)).toBe('INCOMPLETE');
  await updateToken(tenant.context, { tokenId, email: 'it@example.org' });
  expect(await stateOf(tokenId)).toBe('ACTIVE');
});

test('S12 the address is kept as given and never called verified: a renewal without one keeps it', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.upload('own', { email: 'someone@elsewhere.example' });
  const { warnings } = await uploadToken(tenant.context, { file: file() });
  expect(warnings).toEqual([]);
  expect(await readToken(world, tokenId)).toMatchObject({ email: 'someone@elsewhere.example' });
});

test('S13 the region is a known country: Apple’s by default, another one is a warning, metadata is asked for it', async () => {
  const tenant = await newTenant(world);
  await expect(uploadToken(tenant.context, { file: file(), region: 'XX' })).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    inputPath: ['region'],
  });
  const upload = await uploadToken(tenant.context, { file: file(), email: 'it@example.org', region: 'de' });
  expect(upload.warnings).toEqual([expect.stringContaining('US')]);
  expect(await readToken(world, upload.tokenId)).toMatchObject({ region: 'DE' });
  await tenant.sync(upload.tokenId);
  const asked = world.simulator.admin.journal({ operation: 'contentMetadataLookup' });
  expect(asked.length).toBeGreaterThan(0);
  expect(asked[0]!.query.cc).toBe('de');
});

test('S13 a country that Apple does not name is a warning', async () => {
  const tenant = await newTenant(world);
  world.simulator.admin.faults.add({
    match: { path: 'client/config' },
    fault: { kind: 'patch', remove: ['countryISO2ACode'] },
  });
  const { tokenId, warnings } = await uploadToken(tenant.context, { file: file(), email: 'it@example.org' });
  expect(warnings).toEqual([expect.stringContaining('no country')]);
  expect(await readToken(world, tokenId)).toMatchObject({ region: 'US' });
});

test('S15 the expiry is Apple’s, with the days that are left', async () => {
  const tenant = await newTenant(world);
  const token = await readToken(world, await tenant.upload());
  const { expDate } = world.simulator.admin.tokens().find((one) => one.name === 'own')!;
  expect(token.expiresAt.toISOString()).toBe(new Date(expDate.replace('+0000', 'Z')).toISOString());
  expect(daysLeft(token.expiresAt, world.clock.now())).toBe(
    Math.floor((token.expiresAt.getTime() - world.clock.now().getTime()) / 86_400_000),
  );
});

test('S72 ten tokens keep the order of their upload, also when all arrive at once', async () => {
  const tenant = await newTenant(world);
  const { admin } = world.simulator;
  const units = Array.from({ length: 10 }, (_, index) => ({
    uId: String(910000000000000000n + BigInt(index)),
    name: `Library ${index}`,
    country: 'US',
    platform: 'volumestore' as const,
    assets: [{ adamId: '1', total: index }],
    users: [],
    assignments: [],
  }));
  const tokens = units.map(({ uId }, index) => ({ name: `t${index}`, uId, orgName: 'Ten', expiresInDays: 300 }));
  admin.loadScenario({ scenario: { name: 'ten', catalog: [], organizationalUnits: units, tokens, devices: [] } });
  const uploads = await Promise.all(tokens.map(({ name }) => tenant.upload(name)));
  const order = await listTokens(tenant.context, world.database.prisma);
  expect(order.map((token) => token.position)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(new Set(order.map((token) => token.id))).toEqual(new Set(uploads));
  for (const tokenId of uploads)
    expect(await tenant.finish(await tenant.start(tokenId))).toMatchObject({ state: 'SUCCEEDED' });
  const app = await world.database.prisma.app.findFirstOrThrow({
    where: { organizationId: tenant.organizationId },
    include: { pools: true },
  });
  expect(app.pools.reduce((sum, pool) => sum + pool.total, 0n)).toBe(45n);
  admin.loadScenario({ scenario: 'school-district', seed: 1 });
});

test('S73 a token says whose it is and who provides it', async () => {
  const tenant = await newTenant(world);
  const own = await tenant.upload('own');
  const provided = await tenant.upload('district', { providedBy: 'County Board', label: 'County' });
  expect(await readToken(world, own)).toMatchObject({ source: 'OWN', providedBy: null, label: 'Riverbend Elementary' });
  expect(await readToken(world, provided)).toMatchObject({
    source: 'PROVIDED',
    providedBy: 'County Board',
    label: 'County',
  });
  await updateToken(tenant.context, { tokenId: provided, source: 'OWN', providedBy: null });
  expect(await readToken(world, provided)).toMatchObject({ source: 'OWN', providedBy: null });
});

test('S80 a new order is taken as a whole or not at all, and audited', async () => {
  const tenant = await newTenant(world);
  const [a, b, c] = [await tenant.upload('own'), await tenant.upload('district'), await tenant.upload('business')];
  const order = async () => (await listTokens(tenant.context, world.database.prisma)).map((token) => token.id);
  expect(await reorderTokens(tenant.context, { tokenIds: [c, a, b] })).toEqual([c, a, b]);
  expect(await order()).toEqual([c, a, b]);
  for (const tokenIds of [[a, b], [a, b, c, c], [a, b, b], [a, b, 999n], []]) {
    await expect(reorderTokens(tenant.context, { tokenIds })).rejects.toThrow(InvalidInputError);
  }
  expect(await order()).toEqual([c, a, b]);
  expect(await auditOf(tenant, 'token.reorder')).toMatchObject([
    { data: { before: [a, b, c].map(String), after: [c, a, b].map(String) } },
  ]);
});

test('S80 orders that are set at the same time leave one of them, and places stay unique', async () => {
  const tenant = await newTenant(world);
  const [a, b, c] = [await tenant.upload('own'), await tenant.upload('district'), await tenant.upload('business')];
  const wishes = [
    [a, b, c],
    [c, b, a],
    [b, a, c],
    [c, a, b],
    [a, c, b],
  ];
  await Promise.all([...wishes.map((tokenIds) => reorderTokens(tenant.context, { tokenIds })), tenant.upload('own')]);
  const tokens = await listTokens(tenant.context, world.database.prisma);
  expect(tokens.map((token) => token.position)).toEqual([1, 2, 3]);
  expect(wishes).toContainEqual(tokens.map((token) => token.id));
});

test('S9 a token that licenses are held through is removed only when that is confirmed; Apple keeps them', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  const held = world.simulator.admin.truth({ uId: schoolUnits.own }).assignments.length;
  await expect(removeToken(tenant.context, { tokenId })).rejects.toMatchObject({ licenses: BigInt(held) });
  await expect(removeToken(tenant.context, { tokenId })).rejects.toThrow(TokenHoldsLicensesError);
  expect(await stateOf(tokenId)).toBe('ACTIVE');
  expect(await removeToken(tenant.context, { tokenId, confirm: true })).toEqual({
    tokenId,
    licensesLeft: BigInt(held),
    taskId: null,
  });
  expect(await stateOf(tokenId)).toBe('REMOVED');
  expect(await readToken(world, tokenId)).toMatchObject({ secretJwe: null, keyId: null, fileHash: null });
  expect(world.simulator.admin.truth({ uId: schoolUnits.own }).assignments).toHaveLength(held);
  await expect(removeToken(tenant.context, { tokenId, confirm: true })).rejects.toThrow(NotFoundError);
});
