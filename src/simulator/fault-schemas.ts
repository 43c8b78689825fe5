/** What `faults.add` accepts as JSON. @module */
import { z } from 'zod';
import { mdmInfo } from './admin-schemas.ts';
import type { Fault, FaultMatch } from './apple/faults.ts';
import { limitsPatch } from './options-schema.ts';

const text = z.string().min(1);
const count = z.number().int().min(0);

const match = z.strictObject({
  method: text.optional(),
  path: text.optional(),
  operation: text.optional(),
  tokenName: text.optional(),
  pageIndex: count.optional(),
  nth: z.number().int().min(1).optional(),
  times: count.optional(),
  probability: z.number().min(0).max(1).optional(),
});

const plan = z.strictObject({
  stuckAfter: count.optional(),
  failAfter: count.optional(),
  failTargets: z.array(text).optional(),
  errorNumber: count.optional(),
});

const fault = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('error'),
    errorNumber: count,
    status: count.optional(),
    message: text.optional(),
    retryAfter: z.union([count, text]).optional(),
    retryAfterDate: z.number().optional(),
  }),
  z.strictObject({ kind: z.literal('latency'), ms: count }),
  z.strictObject({ kind: z.literal('reset'), when: z.enum(['before', 'after']) }),
  z.strictObject({
    kind: z.literal('html'),
    status: count.optional(),
    when: z.enum(['before', 'after']).optional(),
  }),
  z.strictObject({ kind: z.literal('truncate'), bytes: count.optional() }),
  z.strictObject({
    kind: z.literal('patch'),
    set: z.record(z.string(), z.unknown()).optional(),
    remove: z.array(text).optional(),
  }),
  z.strictObject({ kind: z.literal('unknownField') }),
  z.strictObject({ kind: z.literal('nextPageIndexAsString') }),
  z.strictObject({ kind: z.literal('missingList') }),
  z.strictObject({ kind: z.literal('versionChanges') }),
  z.strictObject({ kind: z.literal('totalPagesChanges'), by: z.number().int().optional() }),
  z.strictObject({ kind: z.literal('foreignMdmInfo'), mdmInfo: mdmInfo.optional() }),
  z.strictObject({ kind: z.literal('limits'), limits: limitsPatch }),
  z.strictObject({ kind: z.literal('event'), plan }),
]);

/** The kinds of faults. */
export const faultKinds: readonly string[] = fault.options.flatMap((one) => [...one.shape.kind.values]);

/** A match and what happens on it. */
export const faultOrder = z.strictObject({ match: match.optional(), fault }) satisfies z.ZodType<{
  match?: FaultMatch;
  fault: Fault;
}>;
