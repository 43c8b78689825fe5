/** The API of the MDM server: queueing commands and waking devices, judged by the JSON and not by the HTTP status. @module */
import { randomUUID, X509Certificate } from 'node:crypto';
import { PlistError, readPlist } from '../../../lib/plist.ts';
import type { MdmOptions } from './options.ts';
import type { MdmStore, StoredCommand } from './store.ts';

/** An answer; objects go out as JSON. */
export interface ApiAnswer {
  status: number;
  body: object | string;
  headers?: Record<string, string>;
}

/** What one device gets told in an answer. */
interface DeviceOutcome {
  push_error?: string;
  push_result?: string;
  command_error?: string;
}

interface ApiResult {
  status?: Record<string, DeviceOutcome>;
  no_push?: true;
  push_error?: string;
  command_error?: string;
  command_uuid?: string;
  request_type?: string;
}

/** What the API works with. */
export interface ApiWorld {
  options: MdmOptions;
  store: MdmStore;
  /** Wakes a device; gives why Apple refused, or undefined. */
  wake(id: string): string | undefined;
}

/** `enqueue/{ids}`: the same command for all, and a push unless `nopush` says anything. */
export function enqueue(world: ApiWorld, ids: string[] | undefined, body: Buffer, noPush: boolean): ApiAnswer {
  if (!ids) return answer({ command_error: 'getting enrollment ids: empty path' }, 1);
  const result: ApiResult = noPush ? { no_push: true } : {};
  if (body.length === 0) {
    if (noPush) return answer({ ...result, command_error: 'must enqueue or push' }, ids.length);
    return answer({ ...result, ...wakeAll(world, ids) }, ids.length);
  }
  const command = readCommand(body);
  if (typeof command === 'string') return answer({ command_error: `decoding command: ${command}` }, ids.length);
  Object.assign(result, { command_uuid: command.uuid, request_type: command.requestType });
  const problem = refusal(world, command, ids);
  if (problem) return answer({ ...result, command_error: problem }, ids.length);
  world.store.enqueue(command, ids);
  return answer(noPush ? result : { ...result, ...wakeAll(world, ids) }, ids.length);
}

/** `push/{ids}`. */
export function push(world: ApiWorld, ids: string[] | undefined): ApiAnswer {
  if (!ids) return answer({ push_error: 'getting enrollment ids: empty path' }, 1);
  return answer(wakeAll(world, ids), ids.length);
}

/** `pushcert`: keeps a certificate's topic, or says what is known of one. */
export function pushCertificate(world: ApiWorld, method: string, topic: string | null, body: Buffer): ApiAnswer {
  if (method === 'GET' && topic !== null) return describeTopic(world, topic);
  try {
    const pem = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/.exec(body.toString('latin1'))?.[0];
    if (!pem || !/PRIVATE KEY-----/.test(body.toString('latin1'))) throw new Error('tls: failed to find PEM data');
    const certificate = new X509Certificate(pem);
    const found = /^(?:UID|0\.9\.2342\.19200300\.100\.1\.1)=(.+)$/m.exec(certificate.subject)?.[1];
    if (!found) throw new Error('invalid push topic');
    world.store.topics.set(found, new Date(certificate.validTo).toISOString());
    return describeTopic(world, found);
  } catch (error) {
    return { status: 400, body: { error: error instanceof Error ? error.message : String(error) } };
  }
}

function describeTopic({ store }: ApiWorld, topic: string): ApiAnswer {
  const end = store.topics.get(topic);
  if (end === undefined) return { status: 500, body: { error: `push certificate not found: ${topic}` } };
  return { status: 200, body: { topic, not_after: end } };
}

function readCommand(body: Buffer): StoredCommand | string {
  try {
    const message = readPlist(body);
    const { CommandUUID: uuid, Command: command } = message;
    const requestType = (command as { RequestType?: unknown } | undefined)?.RequestType;
    if (typeof uuid !== 'string' || typeof requestType !== 'string' || !uuid || !requestType) return 'invalid command';
    return { uuid, requestType, raw: Buffer.from(body), message };
  } catch (error) {
    if (error instanceof PlistError) return error.message;
    throw error;
  }
}

function refusal({ options, store }: ApiWorld, { uuid }: StoredCommand, ids: readonly string[]): string | undefined {
  const exists = store.hasCommand(uuid);
  if (options.storage === 'kv') return exists ? `command already exists: ${uuid}` : undefined;
  if (exists) return `Error 1062 (23000): Duplicate entry '${uuid}' for key 'commands.PRIMARY'`;
  const stranger = ids.find((id) => !store.enrollments.has(id));
  return stranger === undefined
    ? undefined
    : 'Error 1452 (23000): Cannot add or update a child row: a foreign key constraint fails';
}

function wakeAll(world: ApiWorld, ids: readonly string[]): ApiResult {
  const { options, store } = world;
  const status: Record<string, DeviceOutcome> = {};
  const result: ApiResult = { status };
  for (const id of new Set(ids)) {
    const known = store.enrollments.get(id)?.push;
    if (!known) status[id] = { push_error: 'push data missing for id' };
    else if (options.pushCertificate === 'missing' && !store.topics.has(known.topic))
      result.push_error = `retrieving push cert for topic "${known.topic}": push certificate not found`;
    else status[id] = wakeOne(world, id);
  }
  if (Object.keys(status).length === 0) delete result.status;
  return result;
}

function wakeOne(world: ApiWorld, id: string): DeviceOutcome {
  if (world.options.pushCertificate === 'refused')
    return { push_error: 'push error: remote error: tls: expired certificate' };
  const problem = world.wake(id);
  return problem === undefined ? { push_result: randomUUID().toUpperCase() } : { push_error: problem };
}

/** 500 with any error at the top or when all failed, 207 when some did. */
function answer(body: ApiResult, asked: number): ApiAnswer {
  const failed = Object.values(body.status ?? {}).filter((one) => one.push_error ?? one.command_error).length;
  const all = body.push_error !== undefined || body.command_error !== undefined || failed >= asked;
  return { status: failed === 0 && !all ? 200 : all ? 500 : 207, body };
}
