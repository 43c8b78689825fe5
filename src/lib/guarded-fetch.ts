/**
 * Calls to addresses that somebody else gave. A name is looked up once, by the connection itself: what was looked at is what is
 * connected to, so nobody can answer two questions differently (DNS rebinding).
 * @module
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { isCredentialAddress, isCredentialHost } from './credential-address.ts';

/** The addresses behind a name; none when nobody knows it. */
export type Resolve = (host: string) => Promise<string[]>;

/** The address leads to where clouds hand out credentials. */
export class CredentialAddressError extends Error {
  override name = 'CredentialAddressError';
  readonly code = 'ERR_CREDENTIAL_ADDRESS';
}

/** Fetch sends through something that looks names up by itself, a proxy say, so nothing is sent. */
export class UnguardedFetchError extends Error {
  override name = 'UnguardedFetchError';
  readonly code = 'ERR_UNGUARDED_FETCH';
}

const resolveByName: Resolve = async (host) => (await lookup(host, { all: true })).map(({ address }) => address);

/** Where Node keeps what its fetch sends through, an Agent of undici, whose class it shows nowhere else. */
const shared = Symbol.for('undici.globalDispatcher.1');

type Found = { address: string; family: number };
type Answer = (error: Error | null, found?: Found[] | string, family?: number) => void;

/** A fetch whose connections lead only to addresses that were looked at. */
export function createGuardedFetch(resolve: Resolve = resolveByName, send: typeof fetch = fetch): typeof fetch {
  const look = (host: string, options: { all?: boolean }, answer: Answer) => {
    addressesOf(host, resolve).then(
      (found) => (options.all ? answer(null, found) : answer(null, found[0]!.address, found[0]!.family)),
      (error: Error) => answer(error),
    );
  };
  let dispatcher: unknown;
  return async (input, init) => {
    const { hostname } = new URL(input instanceof Request ? input.url : input);
    if (isCredentialHost(hostname)) throw new CredentialAddressError(hostname);
    dispatcher ??= agentWith(look);
    return send(input, { ...init, dispatcher } as RequestInit);
  };
}

async function addressesOf(host: string, resolve: Resolve): Promise<Found[]> {
  const found = await resolve(host);
  if (found.some(isCredentialAddress)) throw new CredentialAddressError(host);
  if (found.length === 0)
    throw Object.assign(new Error(`${host} is not known`), { code: 'ENOTFOUND', syscall: 'getaddrinfo' });
  return found.map((address) => ({ address, family: isIP(address.replace(/%.*$/, '')) }));
}

function agentWith(look: unknown): unknown {
  // Any class of fetch makes Node load it.
  void globalThis.Headers;
  const usual = (globalThis as unknown as Record<symbol, object | undefined>)[shared];
  if (usual?.constructor.name !== 'Agent') throw new UnguardedFetchError('the fetch of this Node takes no guard');
  return new (usual.constructor as new (options: object) => unknown)({ connect: { lookup: look } });
}
