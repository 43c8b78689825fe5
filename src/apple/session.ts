/** What the calls to one library have in common. @module */
import type { Credential } from '../domain/ports.ts';
import type { AppleRequest } from './request.ts';
import type { Exchange } from './transport.ts';

/** Longest times of the exchanges, in milliseconds. */
export interface AppleTimeouts {
  /** Reading and writing client/config, and service/config. Default 10 s. */
  config: number;
  /** One page of a list. Default 30 s. */
  list: number;
  /** A write to licenses. Default 30 s. */
  write: number;
  /** The status of an event. Default 10 s. */
  status: number;
}

/** The times that hold where none are given. */
export const defaultTimeouts: AppleTimeouts = { config: 10_000, list: 30_000, write: 30_000, status: 10_000 };

/** One library at Apple: how to reach it and the credential that opens it. */
export interface Session {
  exchange: Exchange;
  /** Root of version 2, with a slash at its end. */
  root: URL;
  timeouts: AppleTimeouts;
  credential: Credential;
}

/** One signed-in exchange. */
export function call<Answer>(session: Session, request: Omit<AppleRequest<Answer>, 'credential'>): Promise<Answer> {
  return session.exchange({ ...request, credential: { text: session.credential, as: 'bearer' } });
}
