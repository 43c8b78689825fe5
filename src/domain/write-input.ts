/** Parts that the inputs of writes have in common. @module */
import { z } from 'zod';

/** What a refused item does to the others. */
export const onError = z
  .enum(['ATOMIC', 'SKIP_FAILED'])
  .nullish()
  .transform((value) => value ?? ('ATOMIC' as const));

/** Makes repeats harmless. */
export const idempotencyKey = z.string().min(1).max(200).nullish();
