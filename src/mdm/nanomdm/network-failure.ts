/** What it means when no answer came. Only error codes are taken over: nothing of the request gets into a message. @module */
import { MdmFailure } from '../../domain/mdm-ports.ts';
import type { MdmCall } from './call.ts';

type Call = Pick<MdmCall, 'operation' | 'writes'>;

/** The answer did not come. What was sent may have been taken. */
export function lostAnswer(call: Call, detail: string): MdmFailure {
  return new MdmFailure(
    call.writes ? 'UNKNOWN_OUTCOME' : 'UNAVAILABLE',
    'NO_ANSWER',
    `The MDM server did not answer "${call.operation}" ${detail}`,
  );
}

/** The connection could not be made, or broke. */
export function noConnection(call: Call, error: unknown): MdmFailure {
  const causes = rootCauses(error);
  const codes = [...new Set(causes.map((cause) => cause.code ?? cause.name))].join(', ');
  if (causes.some(({ code }) => code === 'ERR_CREDENTIAL_ADDRESS'))
    return new MdmFailure(
      'UNAVAILABLE',
      'UNREACHABLE',
      'The address of the MDM server leads to where clouds hand out credentials, and is not called',
    );
  if (causes.some(({ code }) => code === 'ERR_UNGUARDED_FETCH'))
    return new MdmFailure(
      'UNAVAILABLE',
      'UNREACHABLE',
      'This version of Node, or a proxy of its environment, does not let Russet look at where the MDM server is, so it is not called',
    );
  if (causes.some(isDistrust))
    return new MdmFailure('UNAVAILABLE', 'UNTRUSTED', `The certificate of the MDM server is not trusted (${codes})`);
  if (causes.every(wasBeforeSending))
    return new MdmFailure('UNAVAILABLE', 'UNREACHABLE', `The MDM server could not be reached (${codes})`);
  return lostAnswer(call, `to its end (${codes})`);
}

interface NetworkError {
  name: string;
  message: string;
  code?: string;
  syscall?: string;
}

/** Fetch hides the reason in `cause`, and a host with several addresses in `errors`. */
function rootCauses(error: unknown): NetworkError[] {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.flatMap(rootCauses);
  if (!(error instanceof Error)) return [{ name: 'Error', message: '' }];
  if (error.cause instanceof Error) return rootCauses(error.cause);
  const { code, syscall } = error as Error & { code?: unknown; syscall?: unknown };
  return [
    {
      name: error.name,
      message: error.message,
      ...(typeof code === 'string' && { code }),
      ...(typeof syscall === 'string' && { syscall }),
    },
  ];
}

const isDistrust = ({ code = '' }: NetworkError) => /CERT|^ERR_TLS_|^UNABLE_TO_/.test(code);

/** No byte of the request left us: no address, no connection, or a port that fetch refuses. */
function wasBeforeSending({ code = '', syscall = '', message }: NetworkError): boolean {
  return ['connect', 'getaddrinfo'].includes(syscall) || code === 'UND_ERR_CONNECT_TIMEOUT' || message === 'bad port';
}
