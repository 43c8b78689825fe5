import { z } from 'zod';
import { transaction } from '../../db/transaction.ts';
import { type Role, type Scope, scopes } from '../actor.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { InvalidInputError, ScopeExceededError } from '../errors.ts';
import { parseInput } from '../parse.ts';
import { hasRight, requireRight } from './rights.ts';
import { hashSecretKey, newSecretKey } from './secret-key.ts';

const day = 24 * 60 * 60 * 1000;
/** How long a key lasts when nothing is said, in milliseconds. */
const defaultLifetime = 365 * day;
/** The longest a key may last, in milliseconds. */
const longestLifetime = 5 * 366 * day;

const schema = z.object({
  name: z.string().trim().min(1, 'must not be empty').max(100, 'must have at most 100 characters'),
  role: z.enum(['ADMINISTRATOR', 'APPSTORE_MANAGER', 'EMPLOYEE']),
  scopes: z.array(z.enum(scopes)).max(scopes.length).nullish(),
  expiresAt: z.date().nullish(),
});

/** What a new key shall be. */
export interface CreateApiKeyInput {
  /** What people call it. */
  name: string;
  role: Role;
  /** Its rights; all that the maker has when absent. */
  scopes?: readonly Scope[] | null;
  /** When it ends; one year from now when absent, at most five. */
  expiresAt?: Date | null;
}

/** A key that was just made. */
export interface CreatedApiKey {
  apiKeyId: bigint;
  /** What clients send. Shown this once: only its hash is kept. */
  key: string;
}

/** What making and ending keys needs of a context. */
export type KeyContext = Pick<Context, 'prisma' | 'clock' | 'actor' | 'correlationId'>;

/** Makes a key that may do at most what its maker may. */
export async function createApiKey(context: KeyContext, input: CreateApiKeyInput): Promise<CreatedApiKey> {
  requireRight(context, 'keys:write');
  const wanted = parseInput(schema, input);
  const now = context.clock.now();
  const expiresAt = expiryOf(wanted.expiresAt ?? null, now);
  const granted = grantedScopes(context, wanted.scopes ?? null);
  const key = newSecretKey();
  const organizationId = context.actor.organizationId;
  const apiKeyId = await transaction(context, async (tx) => {
    const row = await tx.apiKey.create({
      data: {
        organizationId,
        name: wanted.name,
        role: wanted.role,
        scopes: granted,
        hash: hashSecretKey(key)!,
        createdAt: now,
        expiresAt,
      },
    });
    const data = { role: wanted.role, scopes: granted, expiresAt };
    await recordAudit(context, tx, { action: 'api-key.create', subject: `api-key:${row.id}`, data });
    return row.id;
  });
  return { apiKeyId, key };
}

function grantedScopes(context: KeyContext, wanted: readonly Scope[] | null): Scope[] {
  if (wanted === null) return scopes.filter((scope) => hasRight(context.actor, scope));
  const exceeding = wanted.filter((scope) => !hasRight(context.actor, scope));
  if (exceeding.length > 0) throw new ScopeExceededError(exceeding, ['scopes']);
  return scopes.filter((scope) => wanted.includes(scope));
}

function expiryOf(wanted: Date | null, now: Date): Date {
  if (wanted === null) return new Date(now.getTime() + defaultLifetime);
  const issue = (message: string) => new InvalidInputError([{ path: ['expiresAt'], message }]);
  if (wanted <= now) throw issue('must be in the future');
  if (wanted.getTime() - now.getTime() > longestLifetime) throw issue('must be at most five years from now');
  return wanted;
}
