/** The one way to Apple: every call of a token goes through here. @module */
import { transaction } from '../../db/transaction.ts';
import type { Services } from '../context.ts';
import { requireOwnDatabase } from '../installation/marker.ts';
import { wakeRegistration } from '../notification/wake-registration.ts';
import { AppleFailure, type Credential, type Envelope, type LibraryDescription, type LibraryHolder } from '../ports.ts';
import { type CallUse, exchange, isFresh, type TokenRow, usableToken } from './exchange.ts';
import type { TokenKey } from './gate.ts';

/** An answer of Apple that names us as the library's holder is good for this many milliseconds before a write. */
const holderAge = 60_000;

/**
 * Makes one call for the token: checks that its state allows it and, before a write, that the library is ours.
 * Throws the typed refusal of an unusable token or of a copied database, or `AppleFailure`.
 */
export async function callApple<T extends Envelope | null>(
  services: Services,
  key: TokenKey,
  use: CallUse,
  call: (credential: Credential, token: TokenRow) => Promise<T>,
): Promise<T> {
  if (use === 'WRITE') await requireOwnDatabase(services);
  let token = await usableToken(services, key, use);
  if (use === 'WRITE' && !isFresh(token.mdmCheckedAt, services.clock.now(), holderAge)) {
    await holdLibrary(services, key);
    token = await usableToken(services, key, use);
  }
  try {
    return await exchange(services, token, use, call);
  } catch (error) {
    // A write is repeated by its writer alone, which wrote it down.
    if (use === 'WRITE' || !(await wasRenewed(services, token, error))) throw error;
    return exchange(services, await usableToken(services, key, use), use, call);
  }
}

/** Whether Apple refused a secret that was replaced while the call was under way. */
async function wasRenewed(services: Services, token: TokenRow, error: unknown): Promise<boolean> {
  if (!(error instanceof AppleFailure) || !/^TOKEN_(EXPIRED|REVOKED|INVALID)$/.test(error.kind)) return false;
  const { secretJwe } = await services.prisma.token.findUniqueOrThrow({
    where: { organizationId_id: { organizationId: token.organizationId, id: token.tokenId } },
    select: { secretJwe: true },
  });
  return secretJwe !== null && secretJwe !== token.secretJwe;
}

/** Asks who holds the library and claims it when nobody does. A foreign claim is stored as TAKEN_OVER and left alone. */
async function holdLibrary(services: Services, key: TokenKey): Promise<LibraryDescription> {
  const token = await usableToken(services, key, 'TOKEN');
  const library = await exchange(services, token, 'TOKEN', (credential) => services.apple.describe(credential));
  return library.holder === null ? claimLibrary(services, key) : library;
}

/** Writes our name on the library, over any other, and reads back who holds it: two requests. */
export async function claimLibrary(services: Services, key: TokenKey): Promise<LibraryDescription> {
  await requireOwnDatabase(services);
  const token = await usableToken(services, key, 'TOKEN');
  const holder = await libraryHolder(services, token);
  const claim = (credential: Credential) => services.apple.claim(credential, holder);
  const library = await exchange(services, token, 'TOKEN', claim, { requests: 2 });
  // Whether a claim alone leaves the webhook in place, Apple does not say.
  await transaction(services, (tx) => wakeRegistration(services, tx, key));
  return library;
}

/** The name under which we hold a library, within Apple's limits. */
export async function libraryHolder(services: Services, { mdmId }: Pick<TokenRow, 'mdmId'>): Promise<LibraryHolder> {
  const limits = await services.apple.limits();
  return {
    id: mdmId,
    name: services.settings.holderName.slice(0, limits.maxMdmNameLength),
    metadata: services.settings.holderMetadata.slice(0, limits.maxMdmMetadataLength),
  };
}
