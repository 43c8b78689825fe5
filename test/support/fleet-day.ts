/**
 * A school with devices: Russet behind its public API, and both simulators, Apple's service and the devices with their MDM
 * server. Time is virtual; messages of devices come over a socket. @module
 */
import { sql } from '../../src/db/transaction.ts';
import { createApiKey } from '../../src/domain/access/create-api-key.ts';
import { systemContext } from '../../src/domain/context.ts';
import type { Streams } from '../../src/graphql/ports.ts';
import { createHttpServer } from '../../src/http/server.ts';
import { schoolUnits } from '../../src/simulator/index.ts';
import type { DeviceSpec } from '../../src/simulator/scenarios/types.ts';
import { createWorld, type World } from './world.ts';

export const second = 1_000;
export const minute = 60 * second;
export const hour = 60 * minute;

/** An app without a bound on its licenses, for iPads. */
export const unlimitedApp = '9000000020';

export interface FleetDay {
  world: World;
  serials: string[];
  /** Global id of the app. */
  appId: string;
  /** Asks the API. Throws at errors, and at refusals of mutations. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
  ask(query: string, variables?: object): Promise<any>;
  /** Does what is due and lets time pass, `step` by `step` and in longer ones when nothing is due, until it is so. */
  until(check: () => Promise<boolean>, step?: number): Promise<void>;
  /** Gives the app to all of them. Gives the task. */
  installApp(): Promise<string>;
  /** Sets the organization's policy of updates. */
  policy(input: object): Promise<void>;
  /** Commands that were sent before their license was confirmed. */
  sentTooEarly(): Promise<number>;
  /** Lets `duration` pass, in steps of at least `step`. */
  pass(duration: number, step?: number): Promise<void>;
  /** The task has ended. */
  ended(taskId: string): Promise<boolean>;
  /** Devices on which Russet's word of the app is not what is true. */
  differences(): Promise<string[]>;
  /** Most operations of a kind that were under way at one time. */
  mostAtOnce(kind: 'INSTALL' | 'UPDATE'): Promise<number>;
  close(): Promise<void>;
}

const refusal = '... on UserError { __typename code message }';

/** Opens it: token, sync, MDM server, and so many iPads enrolled. Everything is asked of the API. */
export async function openFleetDay(
  count: number,
  { settings, simulator = {} }: NonNullable<Parameters<typeof createWorld>[0]> = {},
): Promise<FleetDay> {
  const world = await createWorld({
    settings: { metadataEvery: 6 * hour, ...settings },
    simulator: {
      ...simulator,
      fleet: {
        pushDelayMs: second,
        pushJitterMs: 5 * second,
        installMs: 20 * second,
        updateNoticeMs: 0,
        stepMs: second,
        ...simulator.fleet,
      },
      mdm: { webhookHmacKey: 'key of the webhook', webhookConcurrency: 128, ...simulator.mdm },
    },
  });
  const { admin } = world.simulator;
  const server = createHttpServer({ services: world.services, streams: {} as Streams, version: 'test' });
  const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
  const url = `http://127.0.0.1:${port}`;
  const context = systemContext(world.services, world.organizationId, 'test', 'test');
  const { key } = await createApiKey(context, { name: 'test', role: 'ADMINISTRATOR', scopes: null });

  const ask: FleetDay['ask'] = async (query, variables = {}) => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await response.json()) as { data?: Record<string, object>; errors?: unknown };
    const refused = Object.values(data ?? {}).find(
      (one) => one && '__typename' in one && /Error$/.test(`${one.__typename}`),
    );
    if (errors || refused) throw new Error(JSON.stringify(errors ?? refused));
    return data;
  };

  const until: FleetDay['until'] = async (check, step = 5 * second) => {
    let wait = step;
    for (let round = 0; round < 5_000; round++) {
      const before = admin.fleet.state().conversations;
      const jobs = await world.work();
      if (await check()) return;
      await admin.advance(wait);
      // While devices say nothing it need not be looked so often; but an answer of a device counts for ten minutes.
      const isQuiet = admin.fleet.state().conversations === before;
      wait = isQuiet ? Math.min(2 * wait, jobs > 0 ? Math.max(step, 5 * minute) : hour) : step;
    }
    throw new Error('it never came to that');
  };
  const ended: FleetDay['ended'] = async (id) => {
    const { task } = await ask('query ($id: ID!) { task(id: $id) { state } }', { id });
    return !['QUEUED', 'RUNNING', 'WAITING'].includes(task.state);
  };

  const file = admin.tokenFile('own');
  const { uploadToken } = await ask(
    `mutation ($input: UploadTokenInput!) { uploadToken(input: $input) { ... on UploadTokenPayload { token { id } } ${refusal} } }`,
    { input: { file, email: 'it@example.org' } },
  );
  const { syncLicenses } = await ask(
    `mutation ($input: SyncLicensesInput!) { syncLicenses(input: $input) { ... on SyncLicensesPayload { syncs { task { id } } } ${refusal} } }`,
    { input: { tokenIds: [uploadToken.token.id] } },
  );
  await until(() => ended(syncLicenses.syncs[0].task.id));
  const { baseUrl, apiKey } = admin.mdm.access();
  const { connectMdm } = await ask(
    `mutation ($input: ConnectMdmInput!) { connectMdm(input: $input) { ... on ConnectMdmPayload { mdm { webhook { path } } } ${refusal} } }`,
    { input: { kind: 'NANOMDM', baseUrl, apiKey, hmacKey: 'key of the webhook' } },
  );
  admin.setOptions({ mdm: { webhookUrl: `${url}${connectMdm.mdm.webhook.path}` } });
  const serials = Array.from({ length: count }, (_, n) => `FLEET${String(n).padStart(7, '0')}`);
  const specs = serials.map(
    (serialNumber): DeviceSpec => ({
      ...{ serialNumber, name: `Cart ${serialNumber}`, family: 'IPAD', model: 'iPad13,18', osVersion: '26.1' },
    }),
  );
  admin.fleet.make({ specs });
  const known = async () => (await ask('{ devices(first: 1, origins: [MDM]) { totalCount } }')).devices.totalCount;
  await until(async () => (await known()) === count);
  const { app } = await ask('query ($adamId: String!) { app(adamId: $adamId) { id } }', { adamId: unlimitedApp });

  /** What Russet says of the app, by serial number: its version, or nothing. */
  const told = async () => {
    const versions = new Map<string, string>();
    for (let after: string | null = null, more = true; more; ) {
      const { installedAppVersions: page } = await ask(
        `query ($appId: ID!, $after: String) {
          installedAppVersions(
            first: 100, after: $after, appId: $appId, availability: [AVAILABLE, CURRENT, NOT_FOR_THIS_DEVICE, UNKNOWN]
          ) {
            edges { node { installedVersion device { serialNumber } } } pageInfo { hasNextPage endCursor }
          }
        }`,
        { appId: app.id, after },
      );
      for (const { node } of page.edges) versions.set(node.device.serialNumber, node.installedVersion);
      after = page.pageInfo.endCursor;
      more = page.pageInfo.hasNextPage;
    }
    return versions;
  };

  return {
    ...{ world, serials, ask, until, ended, appId: app.id },
    installApp: async () => {
      const { installApps } = await ask(
        `mutation ($input: InstallAppsInput!) { installApps(input: $input) { ... on InstallAppsPayload { task { id } } ${refusal} } }`,
        { input: { appIds: [app.id], target: { serialNumbers: serials } } },
      );
      return installApps.task.id;
    },
    policy: async (input) => {
      await ask(
        `mutation ($input: SetUpdatePolicyInput!) { setUpdatePolicy(input: $input) { ... on SetUpdatePolicyPayload { policy { id } } ${refusal} } }`,
        { input },
      );
    },
    sentTooEarly: async () => {
      const [row] = await world.database.prisma.$queryRaw<{ count: number }[]>(sql`
        SELECT count(*)::int AS count FROM device_command c JOIN app_operation o ON o.organization_id = c.organization_id AND o.id = c.operation_id
        JOIN license l ON l.organization_id = o.organization_id AND l.id = o.license_id
        WHERE c.kind = 'INSTALL_APP' AND (l.state <> 'CONFIRMED' OR c.created_at < l.changed_at)`);
      return row!.count;
    },
    pass: async (duration, step = 2 * minute) => {
      const end = world.clock.now().getTime() + duration;
      await until(async () => world.clock.now().getTime() >= end, step);
    },
    differences: async () => {
      const versions = await told();
      const held = new Set(
        admin.truth({ uId: schoolUnits.own }).assignments.map((one) => `${one.adamId} ${one.serialNumber}`),
      );
      return admin.fleet.devices().flatMap(({ serialNumber, apps }) => {
        const installed = apps.find((one) => one.adamId === unlimitedApp)?.installed ?? null;
        const isTrue = installed === null ? undefined : String(installed.externalId);
        const licensed = held.has(`${unlimitedApp} ${serialNumber}`);
        if (versions.get(serialNumber) === isTrue && licensed === (installed !== null)) return [];
        return [`${serialNumber}: ${versions.get(serialNumber)} in Russet, ${isTrue} on it, license ${licensed}`];
      });
    },
    mostAtOnce: async (kind) => {
      // Of steps at the same moment the endings come first: a place that is free is given away at once.
      const [row] = await world.database.prisma.$queryRaw<{ most: number }[]>(sql`
        SELECT max(n)::int AS most FROM (
          SELECT sum(s.step) OVER (ORDER BY s.at, s.step ROWS UNBOUNDED PRECEDING) AS n FROM (
            SELECT created_at AS at, 1 AS step FROM app_operation WHERE kind = ${kind}::"AppOperationKind"
            UNION ALL SELECT ended_at, -1 FROM app_operation WHERE kind = ${kind}::"AppOperationKind" AND ended_at IS NOT NULL
          ) s
        ) t`);
      return row!.most;
    },
    close: async () => {
      await server.close();
      await world.close();
    },
  };
}
