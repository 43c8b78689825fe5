/** No call goes to where clouds hand out credentials, whatever name leads there. @module */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { MdmFailure } from '../../domain/mdm-ports.ts';
import { isCredentialAddress, isCredentialHost } from '../../lib/credential-address.ts';

/** The addresses behind a name; none when nobody knows it. */
export type Resolve = (host: string) => Promise<string[]>;

const resolveByName: Resolve = async (host) =>
  (await lookup(host, { all: true }).catch(() => [])).map(({ address }) => address);

/**
 * Looks a name up before each call: one that was harmless when it was given may lead elsewhere today. The call looks it
 * up again, so this stops a mistake or a moved name, not somebody who answers the two questions differently; such a one
 * would still read nothing of an answer. @throws MdmFailure
 */
export async function requireHost({ hostname }: URL, resolve: Resolve = resolveByName): Promise<void> {
  const bare = hostname.replace(/^\[|\]$/g, '');
  const leadsThere =
    isCredentialHost(hostname) || (isIP(bare) === 0 && (await resolve(bare)).some(isCredentialAddress));
  if (leadsThere)
    throw new MdmFailure(
      'UNAVAILABLE',
      'UNREACHABLE',
      'The address of the MDM server leads to where clouds hand out credentials, and is not called',
    );
}
