import fc from 'fast-check';
import { expect, test } from 'vitest';
import { allocate, allocateQueue } from '../../../src/domain/license/allocate.ts';
import type { AllocationInput, Applicant, Candidate, CandidateToken } from '../../../src/domain/license/allocation.ts';
import type { Quota } from '../../../src/domain/license/quota-room.ts';
import type { TokenState } from '../../../src/domain/token/state.ts';

const asOf = new Date('2026-11-24T08:00:00Z');
const app = { id: 1n, name: 'App' };

function token(id: number, state: TokenState = 'ACTIVE', position = id): CandidateToken {
  return { id: BigInt(id), label: `Token ${id}`, state, position, expiresAt: asOf };
}

function pool(of: CandidateToken, free: number | null, more: Partial<Candidate> = {}): Candidate {
  return {
    poolId: of.id * 10n,
    appId: app.id,
    adamId: '1',
    pricingParam: 'STDQ',
    free: free === null ? null : BigInt(free),
    asOf,
    deviceAssignable: true,
    supportedPlatforms: ['iOS'],
    gone: false,
    token: of,
    ...more,
  };
}

const iPad = (id: number): Applicant => ({
  id: BigInt(id),
  serialNumber: `S${id}`,
  family: 'IPAD',
  osVersion: '17.0',
});

function run(input: Partial<AllocationInput>) {
  return allocate({
    apps: [app],
    devices: [iPad(1)],
    tokens: [],
    candidates: [],
    holdings: [],
    tokenId: null,
    ...input,
  });
}

type Kind = 'FREE' | 'EXHAUSTED' | 'EXPIRED' | 'READ_ONLY' | 'NOT_HELD' | 'PEOPLE_ONLY';
const kinds: Kind[] = ['FREE', 'EXHAUSTED', 'EXPIRED', 'READ_ONLY', 'NOT_HELD', 'PEOPLE_ONLY'];
const skipReason: Record<Kind, string> = {
  FREE: '',
  EXHAUSTED: 'NO_LICENSES_AVAILABLE',
  EXPIRED: 'EXPIRED',
  READ_ONLY: 'READ_ONLY',
  NOT_HELD: 'APP_NOT_HELD',
  PEOPLE_ONLY: 'NOT_DEVICE_ASSIGNABLE',
};

function worldOf(row: readonly Kind[]): { tokens: CandidateToken[]; candidates: Candidate[] } {
  const tokens = row.map((kind, at) =>
    token(at + 1, kind === 'EXPIRED' || kind === 'READ_ONLY' ? kind : at % 2 ? 'EXPIRING' : 'ACTIVE'),
  );
  const candidates = tokens.flatMap((one, at) =>
    row[at] === 'NOT_HELD'
      ? []
      : [pool(one, row[at] === 'EXHAUSTED' ? 0 : 5, { deviceAssignable: row[at] !== 'PEOPLE_ONLY' })],
  );
  return { tokens, candidates };
}

const matrix = kinds.flatMap((a) => kinds.flatMap((b) => kinds.map((c): [Kind, Kind, Kind] => [a, b, c])));

test('F11 the matrix order × exhausted × expired × not held: the first that can serve, and why the ones before it did not', () => {
  for (const row of matrix) {
    const { tokens, candidates } = worldOf(row);
    const { grants, refusals } = run({ tokens, candidates });
    const first = row.indexOf('FREE');
    if (first >= 0) {
      expect(grants[0]!.candidate.token.id, row.join()).toBe(BigInt(first + 1));
      expect(
        grants[0]!.skipped.map((skipped) => skipped.reason),
        row.join(),
      ).toEqual(row.slice(0, first).map((kind) => skipReason[kind]));
    } else {
      expect(grants).toEqual([]);
      expect(refusals[0]!.error.code, row.join()).toBe(expectedRefusal(row));
    }
  }
});

/** The quota of a group that the device is in, or is not in, with room for `room` more. */
function quotaOf(room: number, more: Partial<Quota> = {}): Quota {
  const limit = { id: 1n, groupId: 7n, groupName: 'Year 5', appId: app.id, seats: 3n, used: BigInt(3 - room) };
  return { ...limit, deviceIds: new Set([1n]), ...more };
}

test('F11 the matrix × quota: without room nothing is given whatever the tokens have; with room the row of the matrix holds', () => {
  for (const row of matrix) {
    const { tokens, candidates } = worldOf(row);
    const plain = run({ tokens, candidates });
    for (const appId of [app.id, null]) {
      const full = run({ tokens, candidates, quotas: [quotaOf(0, { appId })] });
      expect(full.grants, row.join()).toEqual([]);
      const early = plain.refusals[0]?.error.code === 'NOT_DEVICE_ASSIGNABLE';
      expect(full.refusals[0]!.error.code, row.join()).toBe(early ? 'NOT_DEVICE_ASSIGNABLE' : 'QUOTA_EXCEEDED');
      const room = run({ tokens, candidates, quotas: [quotaOf(1, { appId })] });
      expect(room.grants.map((grant) => grant.candidate.poolId)).toEqual(
        plain.grants.map((grant) => grant.candidate.poolId),
      );
      expect(room.refusals.map((refusal) => refusal.error.code)).toEqual(
        plain.refusals.map((refusal) => refusal.error.code),
      );
      expect(room.grants.map((grant) => grant.quotas)).toEqual(
        room.grants.map(() => [{ groupId: 7n, groupName: 'Year 5', seats: 3n, used: 3n }]),
      );
    }
    const stranger = run({ tokens, candidates, quotas: [quotaOf(0, { deviceIds: new Set([2n]) })] });
    expect(stranger).toEqual(plain);
    expect(run({ tokens, candidates, quotas: [quotaOf(0, { appId: 99n })] })).toEqual(plain);
  }
});

test('F11 a device in several groups counts in each: the fullest decides, and a refused one uses up nothing', () => {
  const [one] = [token(1)];
  const world = { tokens: [one!], candidates: [pool(one!, 10)] };
  const devices = [iPad(1), iPad(2), iPad(3)];
  const wide = quotaOf(2, { id: 1n, deviceIds: new Set([1n, 2n, 3n]), appId: null });
  const narrow = quotaOf(0, { id: 2n, groupId: 8n, groupName: 'Teachers', deviceIds: new Set([1n]) });
  const { grants, refusals } = run({ ...world, devices, quotas: [wide, narrow] });
  expect(grants.map((grant) => grant.device.id)).toEqual([2n, 3n]);
  expect(refusals.map(({ error }) => error)).toMatchObject([
    { code: 'QUOTA_EXCEEDED', group: 'Teachers', groupId: 8n, quota: 3n, used: 3n },
  ]);
});

test('F11 a quota of all apps together is shared by the apps of a request', () => {
  const [one] = [token(1)];
  const apps = [app, { id: 2n, name: 'Other' }];
  const candidates = [pool(one!, 10), pool(one!, 10, { poolId: 99n, appId: 2n })];
  const { grants, refusals } = run({ apps, tokens: [one!], candidates, quotas: [quotaOf(1, { appId: null })] });
  expect(grants.map((grant) => grant.candidate.appId)).toEqual([1n]);
  expect(refusals.map(({ error }) => error.code)).toEqual(['QUOTA_EXCEEDED']);
});

test('F11 a reserve is passed over with that reason; who names the token may use it; an app of its own stands before the token', () => {
  const tokens = [token(1), token(2)];
  const world = { tokens, candidates: [pool(tokens[0]!, 3), pool(tokens[1]!, 5)] };
  const devices = [iPad(1), iPad(2)];
  const reserves = [{ tokenId: 1n, appId: null, seats: 2n }];
  const automatic = run({ ...world, devices, reserves });
  expect(automatic.grants.map((grant) => [grant.candidate.token.id, grant.skipped.map((one) => one.reason)])).toEqual([
    [1n, []],
    [2n, ['RESERVE']],
  ]);
  const named = run({ ...world, devices: [iPad(1), iPad(2), iPad(3), iPad(4)], reserves, tokenId: 1n });
  expect(named.grants.map((grant) => grant.fromReserve)).toEqual([false, true, true]);
  expect(named.refusals.map(({ error }) => error)).toMatchObject([{ code: 'NO_LICENSES_AVAILABLE', available: 3n }]);
  const own = run({ ...world, devices, reserves: [...reserves, { tokenId: 1n, appId: app.id, seats: 0n }] });
  expect(own.grants.map((grant) => grant.candidate.token.id)).toEqual([1n, 1n]);
  const only = run({ tokens: [tokens[0]!], candidates: [pool(tokens[0]!, 2)], reserves });
  expect(only.refusals.map(({ error }) => error)).toMatchObject([
    { code: 'NO_LICENSES_AVAILABLE', available: 0n, skipped: [{ reason: 'RESERVE' }] },
  ]);
  const endless = run({ tokens: [tokens[0]!], candidates: [pool(tokens[0]!, null)], reserves });
  expect(endless.grants).toHaveLength(1);
});

test('F14 seats that those ahead can have are not given to others; what those ahead can not use is', () => {
  const [one] = [token(1)];
  const ahead = [7, 8].map((id) => ({ appId: app.id, device: iPad(id), tokenId: null }));
  const devices = [iPad(1), iPad(2)];
  const { grants, refusals } = run({ tokens: [one!], candidates: [pool(one!, 3)], devices, ahead });
  expect(grants.map((grant) => grant.device.id)).toEqual([1n]);
  expect(refusals.map(({ error }) => error)).toMatchObject([
    { code: 'NO_LICENSES_AVAILABLE', requested: 2, available: 1n, skipped: [{ reason: 'QUEUE' }] },
  ]);
  const blocked = run({
    ...{ tokens: [one!], candidates: [pool(one!, 3)], devices, ahead },
    quotas: [quotaOf(0, { deviceIds: new Set([7n, 8n]) })],
  });
  expect(blocked.grants.map((grant) => grant.device.id)).toEqual([1n, 2n]);
});

test('F14 those who wait are served in their order; one that can not be served keeps nobody behind from it', () => {
  const tokens = [token(1), token(2)];
  const claims = [
    { appId: app.id, device: iPad(1), tokenId: 2n },
    { appId: app.id, device: iPad(2), tokenId: null },
    { appId: app.id, device: iPad(3), tokenId: null },
    { appId: app.id, device: iPad(4), tokenId: null },
  ];
  const world = { tokens, candidates: [pool(tokens[0]!, 2), pool(tokens[1]!, 0)], holdings: [] };
  const { grants, refusals } = allocateQueue(app, claims, world);
  expect(grants.map((grant) => grant.device.id)).toEqual([2n, 3n]);
  expect(refusals.map(({ device, error }) => [device.id, error.code])).toEqual([
    [1n, 'NO_LICENSES_AVAILABLE'],
    [4n, 'NO_LICENSES_AVAILABLE'],
  ]);
});

/** Without a free seat: what has to be mended for the app to be given. */
function expectedRefusal(row: readonly Kind[]): string {
  const holders = row.filter((kind) => kind !== 'NOT_HELD');
  const assignable = holders.filter((kind) => kind !== 'PEOPLE_ONLY');
  if (holders.length === 0) return 'NO_TOKEN_FOR_APP';
  if (assignable.length === 0) return 'NOT_DEVICE_ASSIGNABLE';
  if (assignable.includes('EXHAUSTED')) return 'NO_LICENSES_AVAILABLE';
  if (assignable.length > 1) return 'NO_TOKEN_FOR_APP';
  return assignable[0] === 'EXPIRED' ? 'TOKEN_EXPIRED' : 'TOKEN_NOT_USABLE';
}

test('S77 no token holds the app: every token is named with the reason', () => {
  const { refusals } = run({ tokens: [token(1), token(2)] });
  expect(refusals[0]!.error).toMatchObject({
    code: 'NO_TOKEN_FOR_APP',
    skipped: [
      { tokenId: 1n, reason: 'APP_NOT_HELD' },
      { tokenId: 2n, reason: 'APP_NOT_HELD' },
    ],
  });
});

test('S76 a named token is never replaced: its own refusal is the answer, whatever others have', () => {
  const tokens = [token(1), token(2)];
  const candidates = [pool(tokens[0]!, 0), pool(tokens[1]!, 5)];
  expect(run({ tokens, candidates, tokenId: 1n }).refusals[0]!.error).toMatchObject({
    code: 'NO_LICENSES_AVAILABLE',
    available: 0n,
  });
  expect(run({ tokens, candidates: [candidates[1]!], tokenId: 1n }).refusals[0]!.error.code).toBe('NO_TOKEN_FOR_APP');
  const { grants } = run({ tokens, candidates, tokenId: 2n });
  expect(grants).toMatchObject([{ candidate: { poolId: 20n }, skipped: [] }]);
});

test('S79 seats run out in the middle of a request: the rest comes from the next token, and says so', () => {
  const tokens = [token(1), token(2)];
  const devices = [iPad(1), iPad(2), iPad(3)];
  const { grants } = run({ tokens, candidates: [pool(tokens[0]!, 2), pool(tokens[1]!, null)], devices });
  expect(grants.map((grant) => [grant.candidate.token.id, grant.skipped.map((one) => one.reason)])).toEqual([
    [1n, []],
    [1n, []],
    [2n, ['NO_LICENSES_AVAILABLE']],
  ]);
});

test('the order is that of the positions, not of the ids', () => {
  const tokens = [token(1, 'ACTIVE', 9), token(2, 'ACTIVE', 3)];
  const candidates = tokens.map((one) => pool(one, 5));
  expect(run({ tokens, candidates }).grants[0]!.candidate.token.id).toBe(2n);
});

test('of two qualities in one token the standard one is given first', () => {
  const [one] = [token(1)];
  const plus = pool(one!, 5, { poolId: 1n, pricingParam: 'PLUS' });
  const standard = pool(one!, 1, { poolId: 2n });
  const { grants } = run({ tokens: [one!], candidates: [plus, standard], devices: [iPad(1), iPad(2)] });
  expect(grants.map((grant) => grant.candidate.pricingParam)).toEqual(['STDQ', 'PLUS']);
});

test('a token whose app does not run on the device is skipped with that reason', () => {
  const tokens = [token(1), token(2)];
  const candidates = [pool(tokens[0]!, 5, { supportedPlatforms: ['macOS'] }), pool(tokens[1]!, 5)];
  expect(run({ tokens, candidates }).grants[0]!.skipped).toMatchObject([{ reason: 'PLATFORM_NOT_SUPPORTED' }]);
  expect(run({ tokens: [tokens[0]!], candidates: [candidates[0]!] }).refusals[0]!.error.code).toBe(
    'PLATFORM_NOT_SUPPORTED',
  );
});

test('a license that stays counts before one that is being taken back', () => {
  const tokens = [token(1)];
  const revoking = { appId: 1n, deviceId: 1n, tokenId: 1n, revoking: true };
  const staying = { appId: 1n, deviceId: 1n, tokenId: 2n, revoking: false };
  const candidates = [pool(tokens[0]!, 5)];
  const codeOf = (holdings: AllocationInput['holdings']) =>
    run({ tokens, candidates, holdings }).refusals[0]!.error.code;
  expect(codeOf([staying, revoking])).toBe('ALREADY_LICENSED');
  expect(codeOf([revoking, staying])).toBe('ALREADY_LICENSED');
  expect(codeOf([revoking])).toBe('REVOKE_IN_PROGRESS');
});

interface Draft {
  apps: { pools: { kind: Kind; free: number; unlimited: boolean }[] }[];
  devices: { old: boolean; mac: boolean }[];
  held: boolean[];
  order: number[];
}

const tokensInAll = 3;
const draft: fc.Arbitrary<Draft> = fc.record({
  apps: fc.array(
    fc.record({
      pools: fc.array(
        fc.record({ kind: fc.constantFrom(...kinds), free: fc.integer({ min: -1, max: 4 }), unlimited: fc.boolean() }),
        { minLength: tokensInAll, maxLength: tokensInAll },
      ),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  devices: fc.array(fc.record({ old: fc.boolean(), mac: fc.boolean() }), { minLength: 1, maxLength: 8 }),
  held: fc.array(fc.boolean(), { minLength: 24, maxLength: 24 }),
  order: fc.shuffledSubarray([0, 1, 2], { minLength: 3 }),
});

/** A token has one state for all apps: that of the first app's draft. */
function build({ apps, devices, held, order }: Draft): AllocationInput {
  const tokens = apps[0]!.pools.map(({ kind }, at) =>
    token(at + 1, kind === 'EXPIRED' || kind === 'READ_ONLY' ? kind : 'ACTIVE', order.indexOf(at)),
  );
  const applicants = devices.map(({ old, mac }, at): Applicant => {
    const family = mac ? 'MAC' : 'IPAD';
    return { id: BigInt(at + 1), serialNumber: `S${at}`, family, osVersion: old ? '8.0' : '26.1' };
  });
  return {
    apps: apps.map((_, at) => ({ id: BigInt(at + 1), name: `App ${at}` })),
    devices: applicants,
    tokens,
    candidates: apps.flatMap(({ pools }, appAt) =>
      pools.flatMap(({ kind, free, unlimited }, at) =>
        kind === 'NOT_HELD'
          ? []
          : [
              pool(tokens[at]!, unlimited ? null : kind === 'EXHAUSTED' ? 0 : free, {
                poolId: BigInt(appAt * 10 + at),
                appId: BigInt(appAt + 1),
                deviceAssignable: kind !== 'PEOPLE_ONLY',
              }),
            ],
      ),
    ),
    holdings: apps.flatMap((_, appAt) =>
      applicants.flatMap((device, at) =>
        held[appAt * 8 + at]
          ? [{ appId: BigInt(appAt + 1), deviceId: device.id, tokenId: 1n, revoking: at % 2 === 0 }]
          : [],
      ),
    ),
    tokenId: null,
  };
}

/** The rule in the plainest words: walk the tokens in order and take the first seat there is. */
function reference(input: AllocationInput): string[] {
  const free = new Map(
    input.candidates.map((one) => [one.poolId, one.free === null ? Number.POSITIVE_INFINITY : Number(one.free)]),
  );
  const given: string[] = [];
  for (const one of input.apps) {
    for (const device of input.devices) {
      if (input.holdings.some((held) => held.appId === one.id && held.deviceId === device.id)) continue;
      if (device.family === 'MAC' || device.osVersion === '8.0') continue;
      for (const source of [...input.tokens].sort((a, b) => a.position - b.position)) {
        const at = input.candidates.find((found) => found.appId === one.id && found.token.id === source.id);
        if (source.state !== 'ACTIVE' || !at?.deviceAssignable || free.get(at.poolId)! <= 0) continue;
        free.set(at.poolId, free.get(at.poolId)! - 1);
        given.push(`${one.id}:${device.id}:${at.poolId}`);
        break;
      }
    }
  }
  return given;
}

test('F11 any world: the same seats as the plain rule gives, each pair answered once, no pool below zero', () => {
  const property = fc.property(draft, (drawn) => {
    const input = build(drawn);
    const { grants, refusals } = allocate(input);
    const given = grants.map((grant) => `${grant.candidate.appId}:${grant.device.id}:${grant.candidate.poolId}`);
    expect(given).toEqual(reference(input));
    const pairs = [
      ...grants.map((grant) => `${grant.candidate.appId}:${grant.device.id}`),
      ...refusals.map((refusal) => `${refusal.appId}:${refusal.device.id}`),
    ];
    expect(new Set(pairs).size).toBe(pairs.length);
    expect(pairs).toHaveLength(input.apps.length * input.devices.length);
    for (const one of input.candidates) {
      const taken = grants.filter((grant) => grant.candidate.poolId === one.poolId).length;
      if (one.free !== null) expect(taken).toBeLessThanOrEqual(Math.max(0, Number(one.free)));
    }
  });
  // A failure prints the seed and the smallest world that shows it.
  fc.assert(property, { numRuns: 2_000, verbose: fc.VerbosityLevel.Verbose });
});
