import type { Context } from '../context.ts';
import { InvalidTokenFileError } from '../errors.ts';
import { AppleFailure, type LibraryDescription } from '../ports.ts';
import { appleRefusal } from './apple-refusal.ts';
import { parseTokenFile, TokenFileProblem } from './token-file.ts';

/** What a token file says, and what Apple says of it. */
export interface DescribedUpload {
  bearer: string;
  expiresAt: Date;
  organizationName: string;
  library: LibraryDescription;
}

/**
 * Reads the file and asks Apple about it: one call, before any transaction.
 * Throws INVALID_TOKEN_FILE with the precise reason, or APPLE_UNAVAILABLE; nothing is stored in either case.
 */
export async function describeUpload(context: Context, file: string): Promise<DescribedUpload> {
  const parsed = readFile(file);
  if (parsed.expiresAt.getTime() <= context.clock.now().getTime()) {
    throw new InvalidTokenFileError('EXPIRED', `it expired at ${parsed.expiresAt.toISOString()}. Download a new one.`);
  }
  try {
    const library = await context.apple.describe(parsed.bearer);
    return { ...parsed, expiresAt: library.expiresAt ?? parsed.expiresAt, library };
  } catch (error) {
    if (error instanceof AppleFailure) throw refusal(error);
    throw error;
  }
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
