import type { Context } from '../context.ts';
import { InvalidTokenFileError } from '../errors.ts';
import { AppleFailure, type LibraryDescription } from '../ports.ts';
import { appleRefusal } from './apple-refusal.ts';
import { blockGate, type TokenKey, takeSlot } from './gate.ts';
import { parseTokenFile, TokenFileProblem } from './token-file.ts';

/** What a token file says, and what Apple says of it. */
export interface DescribedUpload {
  bearer: string;
  expiresAt: Date;
  organizationName: string;
  library: LibraryDescription;
}

/**
 * Reads the file and asks Apple about it: one call, before any transaction. Where the token is known that it is for, the
 * call stands in that token's line like all others, and what Apple says of waiting holds for them, too.
 * Throws INVALID_TOKEN_FILE with the precise reason, or APPLE_UNAVAILABLE; nothing is stored in either case.
 */
export async function describeUpload(context: Context, file: string, tokenId?: bigint): Promise<DescribedUpload> {
  const parsed = readFile(file);
  if (parsed.expiresAt.getTime() <= context.clock.now().getTime()) {
    throw new InvalidTokenFileError('EXPIRED', `it expired at ${parsed.expiresAt.toISOString()}. Download a new one.`);
  }
  const known = tokenId === undefined ? await tokenOfFile(context, parsed.bearer) : { ...keyed(context), tokenId };
  try {
    if (known) await takeSlot(context, known, 'OTHER');
    const library = await context.apple.describe(parsed.bearer);
    return { ...parsed, expiresAt: library.expiresAt ?? parsed.expiresAt, library };
  } catch (error) {
    if (!(error instanceof AppleFailure)) throw error;
    if (known && error.retryAfter !== undefined) await blockGate(context, known, error.retryAfter);
    throw refusal(error);
  }
}

const keyed = ({ actor }: Context) => ({ organizationId: actor.organizationId });

/** The token that this very file is of already; which library another file opens, only Apple can say. */
async function tokenOfFile(context: Context, bearer: string): Promise<TokenKey | null> {
  const where = { ...keyed(context), fileHash: context.secrets.mark(bearer), removedAt: null };
  const token = await context.prisma.token.findFirst({ where, select: { id: true } });
  return token && { ...keyed(context), tokenId: token.id };
}

function readFile(file: string) {
  try {
    return parseTokenFile(file);
  } catch (error) {
    if (error instanceof TokenFileProblem) throw new InvalidTokenFileError(error.reason, error.hint);
    throw error;
  }
}

function refusal(failure: AppleFailure): Error {
  const number = failure.appleErrorNumber ?? null;
  switch (failure.kind) {
    case 'TOKEN_EXPIRED':
      return new InvalidTokenFileError('EXPIRED', 'Apple says that it has expired. Download a new one.', number);
    case 'TOKEN_REVOKED':
      return new InvalidTokenFileError(
        'REVOKED',
        'Apple revoked it, usually because a newer one was downloaded. Use the newest file.',
        number,
      );
    case 'TOKEN_INVALID':
      return new InvalidTokenFileError(
        'REJECTED_BY_APPLE',
        'Apple does not know it. Upload the downloaded file as it is.',
        number,
      );
    default:
      return appleRefusal(failure);
  }
}
