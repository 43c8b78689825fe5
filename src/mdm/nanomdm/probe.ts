/** Proves address, prefix, user name and key of a server without queueing anything. @module */
import { z } from 'zod';
import { type MdmAccess, MdmFailure } from '../../domain/mdm-ports.ts';
import { addressOf } from './address.ts';
import { readAnswer } from './answer.ts';
import type { Exchange } from './exchange.ts';

/** Looks like an enrollment and is none. */
const nobody = 'russet-test';

/**
 * Asks for an empty command without a push: the server refuses it after it has looked at the key, so nothing is queued
 * and nobody is woken. Gives its version where it tells one. @throws MdmFailure
 */
export async function probe(
  exchange: Exchange,
  access: MdmAccess,
  timeout: number,
  signal?: AbortSignal,
): Promise<{ version: string | null }> {
  const url = addressOf(access, `enqueue/${nobody}?nopush=1`);
  const call = { operation: 'test', method: 'PUT', writes: false, url, timeout, signal } as const;
  const answer = await exchange(access, call).then((reply) => readAnswer(call, reply));
  if (!answer.command_error || answer.command_uuid)
    throw new MdmFailure('REJECTED', 'NOT_NANOMDM', 'What answers takes an empty command, which no NanoMDM does');
  return { version: await versionOf(exchange, access, timeout, signal) };
}

/** NanoMDM tells it to anybody, beside its API; others don't, and nothing depends on it. */
async function versionOf(exchange: Exchange, access: MdmAccess, timeout: number, signal?: AbortSignal) {
  const url = addressOf({ ...access, pathPrefix: '/' }, 'version');
  const call = { operation: 'version', method: 'GET', writes: false, url, timeout, signal } as const;
  try {
    const { status, text } = await exchange(access, call);
    const { version } = z.object({ version: z.string().max(100) }).parse(JSON.parse(text ?? ''));
    return status === 200 && version !== 'unknown' ? version : null;
  } catch {
    signal?.throwIfAborted();
    return null;
  }
}
