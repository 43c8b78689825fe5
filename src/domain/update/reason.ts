/** Reasons as people are given them: ordered, with evidence, and with how sure they are. @module */

/** FACT: read somewhere. LIKELY: follows from what was read. GUESS: it would explain what was seen. */
export type Confidence = 'FACT' | 'LIKELY' | 'GUESS';

/** One thing that was read, e.g. `installedVersion` and its value. */
export interface Evidence {
  name: string;
  value: string;
}

/** One reason. */
export interface Reason<Code extends string = string> {
  code: Code;
  message: string;
  confidence: Confidence;
  evidence: Evidence[];
}

/** A reason with its evidence; what is not known is left out. */
export function reason<Code extends string>(
  code: Code,
  confidence: Confidence,
  message: string,
  evidence: Record<string, unknown> = {},
): Reason<Code> {
  const told = Object.entries(evidence).filter(([, value]) => value !== null && value !== undefined);
  return { code, message, confidence, evidence: told.map(([name, value]) => ({ name, value: textOf(value) })) };
}

function textOf(value: unknown): string {
  return value instanceof Date ? value.toISOString() : String(value);
}
