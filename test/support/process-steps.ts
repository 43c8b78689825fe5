/** What the tests with real processes ask of an API, in its own words. @module */
import type { DeviceSpec } from '../../src/simulator/index.ts';
import { eventually } from './eventually.ts';
import type { ApiClient } from './process-client.ts';

/** A refusal as a mutation answers it. */
export interface Refusal {
  __typename: string;
  code: string;
  message: string;
  requested?: number;
  available?: number;
  asOf?: string;
}

/** What `associateLicenses` answers. */
export type Association = { __typename: 'AssociateLicensesPayload'; replayed: boolean; task: { id: string } } | Refusal;

/** A task as it stands. */
export interface TaskRow {
  id: string;
  state: string;
  phase: string | null;
  outcome: string | null;
  requested: number;
  completed: number;
  failed: number;
  cause: { code: string; message: string } | null;
}

const refusal = '... on UserError { code message }';

/** Uploads a token file. Gives the token's global id. */
export async function uploadToken(api: ApiClient, file: string): Promise<string> {
  const { uploadToken: result } = await api.ask<{ uploadToken: { token?: { id: string } } }>(
    `mutation ($input: UploadTokenInput!) {
      uploadToken(input: $input) { __typename ... on UploadTokenPayload { token { id } } ${refusal} }
    }`,
    { input: { file, email: 'it@example.org' } },
  );
  if (!result.token) throw new Error(`the upload was refused: ${JSON.stringify(result)}`);
  return result.token.id;
}

/** Starts the sync of a token. Gives the task's global id. */
export async function startSync(api: ApiClient, tokenId: string): Promise<string> {
  const { syncLicenses } = await api.ask<{ syncLicenses: { syncs?: { task: { id: string } }[] } }>(
    `mutation ($input: SyncLicensesInput!) {
      syncLicenses(input: $input) { __typename ... on SyncLicensesPayload { syncs { task { id } } } ${refusal} }
    }`,
    // All pages, also when nothing changed since the last one.
    { input: { tokenIds: [tokenId], full: true } },
  );
  const [sync] = syncLicenses.syncs ?? [];
  if (!sync) throw new Error(`the sync was refused: ${JSON.stringify(syncLicenses)}`);
  return sync.task.id;
}

/** Puts devices on the organization's list. */
export async function listDevices(api: ApiClient, devices: readonly DeviceSpec[]): Promise<void> {
  const { upsertDevices } = await api.ask<{ upsertDevices: { created?: number } }>(
    `mutation ($input: UpsertDevicesInput!) {
      upsertDevices(input: $input) { __typename ... on UpsertDevicesPayload { created } ${refusal} }
    }`,
    { input: { devices } },
  );
  if (upsertDevices.created === undefined)
    throw new Error(`the devices were refused: ${JSON.stringify(upsertDevices)}`);
}

/** The global id of the app with this adamId. */
export async function appId(api: ApiClient, adamId: string): Promise<string> {
  const { app } = await api.ask<{ app: { id: string } | null }>(
    'query ($adamId: String!) { app(adamId: $adamId) { id } }',
    {
      adamId,
    },
  );
  if (!app) throw new Error(`no app ${adamId}`);
  return app.id;
}

/** What to associate. */
export interface AssociationInput {
  appIds: string[];
  target: { serialNumbers: string[] };
  idempotencyKey?: string;
  onError?: 'ATOMIC' | 'SKIP_FAILED';
}

/** Asks for licenses; a refusal is an answer. */
export async function associate(api: ApiClient, input: AssociationInput): Promise<Association> {
  const { associateLicenses } = await api.ask<{ associateLicenses: Association }>(
    `mutation ($input: AssociateLicensesInput!) {
      associateLicenses(input: $input) {
        __typename
        ... on AssociateLicensesPayload { replayed task { id } }
        ... on NoLicensesAvailableError { requested available asOf }
        ${refusal}
      }
    }`,
    { input },
  );
  return associateLicenses;
}

/** Asks for licenses and throws when they are refused. Gives the task's global id. */
export async function startAssociation(api: ApiClient, input: AssociationInput): Promise<string> {
  const answer = await associate(api, input);
  if (!('task' in answer)) throw new Error(`the association was refused: ${JSON.stringify(answer)}`);
  return answer.task.id;
}

/** The task as it stands. */
export async function readTask(api: ApiClient, taskId: string): Promise<TaskRow> {
  const { node } = await api.ask<{ node: TaskRow }>(
    `query ($id: ID!) { node(id: $id) { ... on Task {
      id state phase outcome requested completed failed cause { code message }
    } } }`,
    { id: taskId },
  );
  return node;
}

/** The task at its end; as it stands when it does not end within `milliseconds`. */
export async function endOfTask(api: ApiClient, taskId: string, milliseconds = 20_000): Promise<TaskRow> {
  let task = await readTask(api, taskId);
  await eventually(async () => {
    task = await readTask(api, taskId);
    return ['SUCCEEDED', 'FAILED', 'CANCELLED'].includes(task.state);
  }, milliseconds);
  return task;
}

/** The row's number behind a global id. */
export function rowOf(globalId: string): string {
  return Buffer.from(globalId, 'base64').toString('utf8').split(':')[1]!;
}

/** Devices of the list that may hold a license of any iOS app. */
export function eligible(devices: readonly DeviceSpec[]): DeviceSpec[] {
  return devices.filter(({ family, osVersion }) => family !== 'APPLE_TV' && Number.parseInt(osVersion, 10) >= 9);
}

/** Serial numbers of devices. */
export const serials = (devices: readonly DeviceSpec[]): string[] => devices.map((device) => device.serialNumber);
