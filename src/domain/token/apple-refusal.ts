import { AppleRefusedError, AppleUnavailableError, type DomainError } from '../errors.ts';
import type { AppleFailure } from '../ports.ts';

/** The typed failure of a mutation that had to ask Apple. */
export function appleRefusal(failure: AppleFailure): DomainError {
  switch (failure.kind) {
    case 'RATE_LIMITED':
    case 'UNAVAILABLE':
    case 'UNKNOWN_OUTCOME':
      return new AppleUnavailableError(failure.retryAfter === undefined ? null : Math.ceil(failure.retryAfter / 1000));
    default:
      return new AppleRefusedError(failure.appleErrorNumber ?? null, failure.message);
  }
}
