/** Drives NanoMDM, and NanoHUB, which has the same API at another path (MDM sheet §4.1, §4.2). @module */
import { type MdmAccess, MdmFailure, type MdmServer, maxBatch } from '../../domain/mdm-ports.ts';
import type { Resolve } from '../../lib/guarded-fetch.ts';
import type { Logger } from '../../lib/logger.ts';
import { addressOf } from './address.ts';
import { type ApiAnswer, enqueuedOf, pushedOf, readAnswer } from './answer.ts';
import type { MdmCall } from './call.ts';
import { isEnrollmentId, pathOf } from './enrollment-id.ts';
import { createExchange, type Exchange } from './exchange.ts';
import { probe } from './probe.ts';
import { writeCommand } from './requests.ts';

/** Milliseconds for each call. The server asks Apple to wake each device before it answers. */
export interface NanoMdmTimeouts {
  enqueue: number;
  push: number;
  test: number;
}

const defaultTimeouts: NanoMdmTimeouts = { enqueue: 30_000, push: 30_000, test: 10_000 };

/** Options of {@link createNanoMdm}. */
export interface NanoMdmOptions {
  /** Gets one line at `debug` for each call: operation, host, status, milliseconds. */
  logger?: Logger | undefined;
  timeouts?: Partial<NanoMdmTimeouts>;
  /** Default: the fetch of Node. */
  fetch?: typeof fetch;
  /** How the server's name is looked up for a connection. Default: as Node does. */
  resolve?: Resolve;
}

/** A driver for all servers of this kind; which one is meant comes with each call. */
export function createNanoMdm(options: NanoMdmOptions = {}): MdmServer {
  const exchange = createExchange(options);
  const timeouts = { ...defaultTimeouts, ...options.timeouts };
  return {
    test: (access, signal) => probe(exchange, access, timeouts.test, signal),
    async enqueue(access, { uuid, request, push }, ids) {
      requireIds(ids);
      const url = addressOf(access, `enqueue/${pathOf(ids)}${push ? '' : '?nopush=1'}`);
      const body = writeCommand(uuid, request);
      const call = { operation: 'enqueue', method: 'PUT', writes: true, url, body, timeout: timeouts.enqueue } as const;
      return enqueuedOf(await ask(exchange, access, call), ids);
    },
    async push(access, ids) {
      requireIds(ids);
      const url = addressOf(access, `push/${pathOf(ids)}`);
      const call = { operation: 'push', method: 'PUT', writes: false, url, timeout: timeouts.push } as const;
      return pushedOf(await ask(exchange, access, call), ids);
    },
  };
}

async function ask(exchange: Exchange, access: MdmAccess, call: MdmCall): Promise<ApiAnswer> {
  return readAnswer(call, await exchange(access, call));
}

function requireIds(ids: readonly string[]): void {
  if (ids.length === 0 || ids.length > maxBatch) throw new RangeError(`1 to ${maxBatch} devices, not ${ids.length}`);
  // The id itself is not told: a server may have been told it by anybody.
  if (!ids.every(isEnrollmentId))
    throw new MdmFailure('REJECTED', 'REFUSED', 'An enrollment has an id that no server gives');
}
