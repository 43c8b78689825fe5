/** What it means when no answer came. Only error codes are taken over: nothing of the request gets into a message. @module */
import { AppleFailure } from '../domain/ports.ts';
import type { AppleRequest } from './request.ts';

type Call = Pick<AppleRequest<unknown>, 'operation' | 'method' | 'timeout'>;

/** The answer did not come in time. A write may have been applied. */
export function timeoutFailure(call: Call): AppleFailure {
  return new AppleFailure(
    call.method === 'POST' ? 'UNKNOWN_OUTCOME' : 'UNAVAILABLE',
    `Apple did not answer "${call.operation}" within ${call.timeout / 1000} s`,
  );
}

/** The connection could not be made, or broke. A write that may have left us is of unknown outcome. */
export function connectionFailure(call: Call, error: unknown): AppleFailure {
  const causes = rootCauses(error);
  const codes = [...new Set(causes.map((cause) => cause.code ?? cause.name))].join(', ');
  if (causes.every(wasBeforeSending)) {
    return new AppleFailure('UNAVAILABLE', `Apple could not be reached for "${call.operation}" (${codes})`);
  }
  return new AppleFailure(
    call.method === 'POST' ? 'UNKNOWN_OUTCOME' : 'UNAVAILABLE',
    `The connection to Apple broke during "${call.operation}" (${codes})`,
  );
}

interface NetworkError {
  name: string;
  code?: string;
  syscall?: string;
}

/** Fetch hides the reason in `cause`, and a host with several addresses in `errors`. */
function rootCauses(error: unknown): NetworkError[] {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.flatMap(rootCauses);
  if (!(error instanceof Error)) return [{ name: 'Error' }];
  if (error.cause instanceof Error) return rootCauses(error.cause);
  const { code, syscall } = error as Error & { code?: unknown; syscall?: unknown };
  return [
    {
      name: error.name,
      ...(typeof code === 'string' && { code }),
      ...(typeof syscall === 'string' && { syscall }),
    },
  ];
}

/** No byte of the request left us: no address, no connection, or no trust in the certificate. */
function wasBeforeSending({ code = '', syscall = '' }: NetworkError): boolean {
  return (
    ['connect', 'getaddrinfo'].includes(syscall) || code === 'UND_ERR_CONNECT_TIMEOUT' || /CERT|^ERR_TLS_/.test(code)
  );
}
