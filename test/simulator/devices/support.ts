/** A simulator with an MDM server, a raw device that speaks to it over HTTP, and a webhook that listens. @module */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { type PlistDict, readPlist, writePlist } from '../../../src/lib/plist.ts';
import type { OptionsPatch, SimulatorParts } from '../../../src/simulator/index.ts';
import { type Bench, bench } from '../support.ts';

/** An answer of the MDM server's API. */
export interface ApiReply {
  status: number;
  headers: Headers;
  text: string;
  body: {
    status?: Record<string, { push_result?: string; push_error?: string; command_error?: string }>;
    no_push?: boolean;
    push_error?: string;
    command_error?: string;
    command_uuid?: string;
    request_type?: string;
    error?: string;
  };
}

/** An event as the webhook got it. */
export interface Caught {
  signature: string | undefined;
  contentType: string | undefined;
  raw: string;
  event: {
    topic: string;
    event_id?: string;
    created_at: string;
    acknowledge_event?: Record<string, unknown>;
    checkin_event?: Record<string, unknown>;
  };
}

/** Starts a simulator with helpers for its MDM server. */
export async function mdmBench(settings: OptionsPatch & SimulatorParts = {}) {
  const simulated = await bench(settings);
  const access = simulated.admin.mdm.access();
  return { ...simulated, access, api: apiOf(simulated), device: (id: string) => rawDevice(access.doorUrl, id) };
}

function apiOf({ admin }: Bench) {
  return async (
    path: string,
    how: { method?: string; body?: string | Uint8Array<ArrayBuffer>; key?: string } = {},
  ): Promise<ApiReply> => {
    const { baseUrl, pathPrefix, userName, apiKey } = admin.mdm.access();
    const response = await fetch(`${baseUrl}${pathPrefix}${path}`, {
      method: how.method ?? 'PUT',
      headers: { authorization: `Basic ${Buffer.from(`${userName}:${how.key ?? apiKey}`).toString('base64')}` },
      body: how.method === 'GET' ? undefined : how.body,
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: text.startsWith('{') ? JSON.parse(text) : {},
    };
  };
}

/** A device that does only what it is told. */
export function rawDevice(doorUrl: string, udid: string, certificate = `:${Buffer.from(udid).toString('base64')}:`) {
  async function put(message: PlistDict, checkIn: boolean, query = '') {
    const response = await fetch(`${doorUrl}${query}`, {
      method: 'PUT',
      headers: {
        'content-type': checkIn ? 'application/x-apple-aspen-mdm-checkin' : 'application/x-apple-aspen-mdm',
        ...(certificate === '' ? {} : { 'x-device-certificate': certificate }),
      },
      body: writePlist({ UDID: udid, ...message }),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    const command = response.status === 200 && bytes.length > 0 ? (readPlist(bytes) as PlistDict) : undefined;
    return { status: response.status, type: response.headers.get('content-type'), uuid: command?.CommandUUID, command };
  }
  const topic = 'com.apple.mgmt.External.simulated';
  const device = {
    put,
    authenticate: (query?: string) =>
      put({ MessageType: 'Authenticate', Topic: topic, SerialNumber: 'SIM000000001', OSVersion: '26.1' }, true, query),
    tokenUpdate: () =>
      put({ MessageType: 'TokenUpdate', Topic: topic, PushMagic: 'magic', Token: new Uint8Array([1, 2, 3]) }, true),
    checkOut: () => put({ MessageType: 'CheckOut', Topic: topic }, true),
    enroll: async () => {
      await device.authenticate();
      await device.tokenUpdate();
    },
    idle: (query?: string) => put({ Status: 'Idle' }, false, query),
    report: (uuid: string, status: string, rest: PlistDict = {}) =>
      put({ CommandUUID: uuid, Status: status, ...rest }, false),
  };
  return device;
}

/** A command as a client writes it. */
export function command(uuid: string, requestType = 'DeviceInformation', rest: PlistDict = {}): string {
  return writePlist({ CommandUUID: uuid, Command: { RequestType: requestType, ...rest } });
}

/** A webhook that remembers what it got and answers with `answer`. */
export async function listenForEvents(answer: (n: number) => number | Promise<number> = () => 200) {
  const caught: Caught[] = [];
  let began = 0;
  const server = createServer(async (request, response) => {
    const n = ++began;
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const raw = Buffer.concat(chunks).toString('utf8');
    const status = await answer(n);
    const { 'x-hmac-signature': signature, 'content-type': contentType } = request.headers;
    caught.push({ signature: signature as string | undefined, contentType, raw, event: JSON.parse(raw) });
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook/opaque`, caught };
}
