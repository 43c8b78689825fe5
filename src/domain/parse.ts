import type { z } from 'zod';
import { InvalidInputError } from './errors.ts';

/** Parses a verb's input; throws {@link InvalidInputError} with every problem at once. */
export function parseInput<T>(schema: z.ZodType<T>, input: unknown): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw new InvalidInputError(
    result.error.issues.map((issue) => ({ path: issue.path.map(String), message: issue.message })),
  );
}
