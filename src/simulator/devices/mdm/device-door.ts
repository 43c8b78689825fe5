/** Where devices come in: check-ins and reports, each answered with the next command that waits. @module */
import { createHash, X509Certificate } from 'node:crypto';
import type { PlistDict } from '../../../lib/plist.ts';
import type { MdmStore } from './store.ts';

/** One request of a device. */
export interface DeviceRequest {
  contentType: string;
  /** The header with its certificate. */
  certificate: string | undefined;
  query: URLSearchParams;
  /** Reads the message; throws at what is none. */
  read(): PlistDict;
  /** The bytes as they came: devices of this process write them only for those who look. */
  raw(): Buffer;
}

/** What goes back to a device. */
export interface DeviceReply {
  status: number;
  body: Buffer | string;
  /** What the body is, for devices of this process. */
  command?: PlistDict;
}

/** What the server tells its webhook of a request. */
export interface Heard {
  topic: string;
  kind: 'check-in' | 'report';
  id: string;
  message: PlistDict;
  raw(): Buffer;
  query: URLSearchParams;
  tokenUpdates?: number;
}

/** Answers one request. `hear` is called for all that passed the check of certificates; `forgets`: an answer that comes twice empties the queue. */
export function answerDevice(
  store: MdmStore,
  request: DeviceRequest,
  hear: (heard: Heard) => void,
  forgets: boolean,
): DeviceReply {
  const hash = certificateHash(request.certificate);
  if (hash === undefined) return { status: 400, body: 'Bad Request\n' };
  let message: PlistDict;
  try {
    message = request.read();
  } catch {
    return { status: 400, body: 'Bad Request\n' };
  }
  const isCheckIn = request.contentType.startsWith('application/x-apple-aspen-mdm-checkin');
  if (!isCheckIn && typeof message.Status !== 'string') return { status: 400, body: 'Bad Request\n' };
  const id = idOf(message);
  const associated =
    id !== undefined && associate(store, hash, id, isCheckIn && message.MessageType === 'Authenticate');
  if (!associated) return failure;
  const heard = { id, message, raw: () => request.raw(), query: request.query };
  return isCheckIn ? checkIn(store, heard, hear) : report(store, heard, hear, forgets);
}

const failure: DeviceReply = { status: 500, body: 'Internal Server Error\n' };
const nothing: DeviceReply = { status: 200, body: '' };

type Incoming = Pick<Heard, 'id' | 'message' | 'raw' | 'query'>;

function checkIn(store: MdmStore, incoming: Incoming, hear: (heard: Heard) => void): DeviceReply {
  const { id, message } = incoming;
  const type = textOf(message.MessageType);
  const topics = ['Authenticate', 'TokenUpdate', 'CheckOut', 'DeclarativeManagement'];
  if (type === undefined || !topics.includes(type)) return { status: 400, body: 'Bad Request\n' };
  const heard: Heard = { ...incoming, topic: `mdm.${type}`, kind: 'check-in' };
  if (type === 'Authenticate') store.authenticate(id, textOf(message.SerialNumber));
  if (type === 'TokenUpdate') heard.tokenUpdates = store.tokenUpdate(id, pushData(message));
  if (type === 'CheckOut') store.checkOut(id);
  hear(heard);
  // Without a server for declarations behind it, its core refuses, and the event is sent all the same.
  return type === 'DeclarativeManagement' ? failure : nothing;
}

function report(store: MdmStore, incoming: Incoming, hear: (heard: Heard) => void, forgets: boolean): DeviceReply {
  const { id, message } = incoming;
  const uuid = textOf(message.CommandUUID) ?? '';
  hear({ ...incoming, topic: 'mdm.Connect', kind: 'report' });
  if (message.Status !== 'Idle') {
    if (uuid === '') return failure;
    store.report(id, uuid, message.Status === 'NotNow', forgets);
  }
  const next = store.next(id, message.Status === 'NotNow');
  return next ? { status: 200, body: next.raw, command: next.message } : nothing;
}

function idOf(message: PlistDict): string | undefined {
  const device = textOf(message.UDID) ?? textOf(message.EnrollmentID);
  const user = textOf(message.UserID) ?? textOf(message.EnrollmentUserID);
  return device !== undefined && user !== undefined ? `${device}:${user}` : device;
}

function pushData(message: PlistDict): { topic: string; magic: string; token: string } | undefined {
  const { Topic: topic, PushMagic: magic, Token: token } = message;
  if (typeof topic !== 'string' || typeof magic !== 'string' || !(token instanceof Uint8Array)) return undefined;
  return { topic, magic, token: Buffer.from(token).toString('hex') };
}

/** A certificate belongs to the enrollment that came with it first; only an Authenticate may bring a new one. */
function associate(store: MdmStore, hash: string, id: string, authenticates: boolean): boolean {
  const [device = id] = id.split(':');
  const owner = store.certificates.get(hash);
  if (owner !== undefined) return owner === device;
  if (authenticates) store.certificates.set(hash, device);
  return authenticates;
}

/** RFC 9440 between colons, or escaped PEM; undefined for what is no certificate. */
function certificateHash(header: string | undefined): string | undefined {
  if (!header) return undefined;
  const identity = /^:([A-Za-z0-9+/=]+):$/.exec(header)?.[1];
  if (identity !== undefined) return createHash('sha256').update(Buffer.from(identity, 'base64')).digest('hex');
  try {
    const { raw } = new X509Certificate(decodeURIComponent(header));
    return createHash('sha256').update(raw).digest('hex');
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
