import { z } from 'zod';
import { transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import type { Context } from '../context.ts';
import { NoLicensesAvailableError } from '../errors.ts';
import { type KeyedResult, once } from '../idempotency.ts';
import { parseInput } from '../parse.ts';
import { idempotencyKey, onError } from '../write-input.ts';
import { startUserAssociation } from './associate-users.ts';
import { maxIds } from './limits.ts';
import { requestAssetRead } from './request-asset-read.ts';

const inputSchema = z.object({
  appIds: z.array(z.bigint()).min(1, 'name at least one book').max(1000),
  vppUserIds: z.array(z.bigint()).min(1, 'name at least one user').max(maxIds),
  tokenId: z.bigint().nullish(),
  confirmIrrevocable: z.boolean().nullish(),
  onError,
  idempotencyKey,
});

/** Input of {@link assignBooks}. */
export type AssignBooksInput = z.input<typeof inputSchema>;

/**
 * Gives books to people. Apple never takes a book back: its license is spent, also when the person is retired. Without
 * `confirmIrrevocable: true` nothing is done, and CONFIRMATION_REQUIRED says what would be spent.
 */
export async function assignBooks(context: Context, rawInput: AssignBooksInput): Promise<KeyedResult> {
  requireRight(context, 'licenses:write');
  const { idempotencyKey, vppUserIds, confirmIrrevocable, ...request } = parseInput(inputSchema, rawInput);
  const wish = { ...request, target: { vppUserIds }, spend: confirmIrrevocable ?? false };
  try {
    return await transaction(context, (tx) =>
      once(context, tx, { operation: 'assignBooks', key: idempotencyKey, input: wish }, async () => [
        await startUserAssociation(context, tx, wish),
      ]),
    );
  } catch (error) {
    if (error instanceof NoLicensesAvailableError) {
      await transaction(context, (tx) => requestAssetRead(context, tx, request.appIds));
    }
    throw error;
  }
}
