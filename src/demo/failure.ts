/** What ends the demo early, said so that a person knows what to do. @module */

/** A failure that is explained. Anything else that is thrown is a bug of the demo. */
export class DemoFailure extends Error {
  override readonly name = 'DemoFailure';
  /** What went wrong, for programs: a code of docs/errors.md, or one of the demo's own. */
  readonly code: string;
  /** Further lines: facts, or what to do. */
  readonly hints: readonly string[];

  constructor(code: string, message: string, hints: readonly string[] = []) {
    super(message);
    this.code = code;
    this.hints = hints;
  }
}

/** Nobody listens; `where` says how that is known. */
export function notRunning(where: string): DemoFailure {
  return new DemoFailure('NOT_RUNNING', `Russet is not running: ${where}.`, [
    'Start it with npm start in another terminal, wait for "Russet is running", and try again.',
  ]);
}

/** The key was not accepted. */
export function notSignedIn(): DemoFailure {
  return new DemoFailure('UNAUTHENTICATED', 'The API key is not valid here. Nothing was done.', [
    'sandbox.json belongs to another database, or the key was revoked or expired.',
    'Start again with npm start, which makes a new key when the old one is not good; or give one with --key.',
  ]);
}

/** An error of GraphQL, as it is on the wire. */
export interface WireError {
  message: string;
  extensions?: Record<string, unknown>;
}

/** The failure for the top-level errors of an answer. */
export function fromWireErrors(errors: readonly WireError[]): DemoFailure {
  const [first] = errors;
  const { code = 'UNKNOWN', ...facts } = first?.extensions ?? {};
  if (code === 'UNAUTHENTICATED') return notSignedIn();
  return new DemoFailure(
    String(code),
    first?.message ?? 'The answer has an error without a message.',
    factLines(facts),
  );
}

/** An expected failure of a mutation: its fields beside code and message are its facts. */
export interface Refusal {
  code: string;
  message: string;
}

/** The failure for a mutation that was refused. */
export function fromRefusal(refusal: Refusal): DemoFailure {
  const { code, message, ...facts } = refusal as Refusal & Record<string, unknown>;
  return new DemoFailure(code, message, factLines(facts));
}

const wellKnown = new Set(['__typename', 'path', 'http']);
/** Longest text of one fact, in characters. */
const longest = 200;

function factLines(facts: Record<string, unknown>): string[] {
  return Object.entries(facts)
    .filter(([name, value]) => !wellKnown.has(name) && value !== null && value !== undefined && !isEmpty(value))
    .map(([name, value]) => `${name}: ${shorten(typeof value === 'string' ? value : JSON.stringify(value))}`);
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function shorten(text: string): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 1)}…`;
}
