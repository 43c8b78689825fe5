/**
 * The one place that keeps organizations apart when something is read. Whoever reads for an actor is given this client
 * and no other: each statement is bound to the actor's organization, and what can't be bound is refused.
 * @module
 */
import { Prisma, type PrismaClient } from '../../generated/prisma/client.ts';

/** What may be read; anything else is done by a verb. */
const boundByFilter = new Set(['findMany', 'findFirst', 'findFirstOrThrow', 'count', 'aggregate', 'groupBy']);
const boundByKey = new Set(['findUnique', 'findUniqueOrThrow']);

/** A statement that does not belong to the actor's organization. Always a bug of ours, never the caller's fault. */
export class UnscopedQueryError extends Error {
  override readonly name = 'UnscopedQueryError';
}

/** Arguments of a read, as far as the binding looks at them. */
interface ReadArguments {
  where?: object;
  select?: object;
}

/** A client that reads, and reads nothing of another organization. */
export function scopedClient(prisma: PrismaClient, organizationId: bigint) {
  return prisma.$extends({
    name: 'scoped',
    query: {
      $allModels: {
        $allOperations({ model, operation, args, query }) {
          return query(bind(model, operation, args as ReadArguments, organizationId) as typeof args);
        },
      },
      $allOperations({ model, operation, args, query }) {
        if (model === undefined) throw new UnscopedQueryError(`${operation} can't be bound to an organization`);
        return query(args);
      },
    },
  });
}

/** Reads of one organization. */
export type ScopedClient = ReturnType<typeof scopedClient>;

function bind(model: string, operation: string, args: ReadArguments, organizationId: bigint): ReadArguments {
  const own = ownFilter(model, organizationId);
  if (boundByFilter.has(operation)) return { ...withSelection(model, args), where: { AND: [own, args.where ?? {}] } };
  if (boundByKey.has(operation)) {
    const where = args.where ?? {};
    if (model === 'Organization') return { ...withSelection(model, args), where: { ...where, AND: [own] } };
    if (keyBelongs(where, organizationId)) return withSelection(model, args);
    throw new UnscopedQueryError(`${model}.${operation} names no key of this organization`);
  }
  throw new UnscopedQueryError(`${model}.${operation} is not a read`);
}

function ownFilter(model: string, organizationId: bigint): object {
  if (model === 'Organization') return { id: organizationId };
  const fields = Prisma[`${model}ScalarFieldEnum` as keyof typeof Prisma] as object | undefined;
  if (fields && 'organizationId' in fields) return { organizationId };
  throw new UnscopedQueryError(`${model} belongs to no organization`);
}

/** A unique key is left as it is, so that Prisma can still answer many of them with one statement. */
function keyBelongs(where: object, organizationId: bigint): boolean {
  return Object.entries(where).some(([name, key]) => {
    if (name === 'organizationId') return key === organizationId;
    return name.startsWith('organizationId_') && (key as { organizationId: bigint }).organizationId === organizationId;
  });
}

/** A client that asks only for `__typename` selects no column at all, which Prisma refuses. */
function withSelection(model: string, args: ReadArguments): ReadArguments {
  if (args.select === undefined || Object.keys(args.select).length > 0) return args;
  return { ...args, select: model === 'Organization' ? { id: true } : { organizationId: true } };
}
