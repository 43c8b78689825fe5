/** The one way to Apple: every call of a token goes through here. @module */
import type { Services } from '../context.ts';
import type { Credential, Envelope, LibraryDescription, LibraryHolder } from '../ports.ts';
import { type CallUse, type TokenRow, exchange, isFresh, usableToken } from './exchange.ts';
import type { TokenKey } from './gate.ts';

/** An answer of Apple that names the library's holder is good for this many milliseconds before a write. */
const holderAge = 60_000;

/**
 * Makes one call for the token: checks that its state allows it and, before a write, that the library is ours.
 * Throws the typed refusal of an unusable token, or `AppleFailure`.
 */
export async function callApple<T extends Envelope | null>(
  services: Services,
  key: TokenKey,
  use: CallUse,
  call: (credential: Credential, token: TokenRow) => Promise<T>,
): Promise<T> {
  let token = await usableToken(services, key, use);
  if (use === 'WRITE' && !isFresh(token.mdmCheckedAt, services.clock.now(), holderAge)) {
    await holdLibrary(services, key);
    token = await usableToken(services, key, use);
  }
  return exchange(services, token, use, call);
}

/** Asks who holds the library and claims it when nobody does. A foreign claim is stored as TAKEN_OVER and left alone. */
export async function holdLibrary(services: Services, key: TokenKey): Promise<LibraryDescription> {
  const token = await usableToken(services, key, 'TOKEN');
  const library = await exchange(services, token, 'TOKEN', (credential) => services.apple.describe(credential));
  return library.holder === null ? claimLibrary(services, key) : library;
}

/** Writes our name on the library, over any other. */
export async function claimLibrary(services: Services, key: TokenKey): Promise<LibraryDescription> {
  const limits = await services.apple.limits();
  const token = await usableToken(services, key, 'TOKEN');
  const holder: LibraryHolder = {
    id: token.mdmId.slice(0, limits.maxMdmIdLength),
    name: services.settings.holderName.slice(0, limits.maxMdmNameLength),
    metadata: services.settings.holderMetadata.slice(0, limits.maxMdmMetadataLength),
  };
  return exchange(services, token, 'TOKEN', (credential) => services.apple.claim(credential, holder));
}
