/**
 * Holds the domain to its one order of locks while it runs: each transaction's statements are read, and a lock that is taken
 * behind one that comes later in the table of docs/architecture.md is an inversion. `createWorld` lets every flow be recorded.
 * @module
 */
import { readFileSync } from 'node:fs';
import type { Database } from '../../src/db/client.ts';
import type { PrismaClient } from '../../src/generated/prisma/client.ts';

const table = readFileSync('docs/architecture.md', 'utf8').match(/^\| 1 \|[\s\S]*?(?=\n\n)/m)![0];
/** Tables in their order, as the documents have it. */
export const lockOrder = [...table.matchAll(/^\| \d+ \|([^|]*)/gm)].flatMap(([, cell]) =>
  [...cell!.matchAll(/`(\w+)`/g)].map(([, name]) => name!),
);
const rank = new Map(lockOrder.map((name, index) => [name, index]));

/** Rows that are only touched under a lock further up, so that their order among each other is free. */
const covers = new Map<string, string>([
  ...['update_policy', 'update_run', 'update_rollout', 'update_item', 'update_attempt'].map(
    (name) => [name, 'update_schedule'] as const,
  ),
  ...['enrollment', 'device_command', 'installed_app', 'device_news'].map((name) => [name, 'mdm_connection'] as const),
  ['apple_call', 'token_gate'],
]);

/** What a statement does to the rows of a table: waits for those there are, or adds new ones. */
interface Touch {
  name: string;
  adds: boolean;
}

const touches = new Map<string, Touch[]>();

/** The tables that a statement locks rows of, in the order of its text. */
export function locksOf(text: string): Touch[] {
  const known = touches.get(text);
  if (known) return known;
  const found: { at: number; touch: Touch }[] = [];
  const add = (at: number, name: string, adds = false) => found.push({ at, touch: { name, adds } });
  for (const { index, 1: name } of text.matchAll(/\bUPDATE\s+(?!SET\b|OF\b|SKIP\b)"?(\w+)"?/g))
    if (!/FOR (NO KEY )?$/.test(text.slice(0, index))) add(index, name!);
  for (const { index, 1: name } of text.matchAll(/\bDELETE FROM\s+"?(\w+)"?/g)) add(index, name!);
  for (const { index, 1: name } of text.matchAll(/\bINSERT INTO\s+"?(\w+)"?/g))
    add(index, name!, !/ON CONFLICT[\s\S]*?DO UPDATE/.test(endOfPart(text, index)));
  for (const { index } of text.matchAll(/\bFOR (?:NO KEY UPDATE|UPDATE|SHARE)\b(?! SKIP LOCKED)/g)) {
    const rest = text.slice(index);
    if (/^FOR [A-Z ]+?( OF \w+)? SKIP LOCKED/.test(rest)) continue;
    const alias = rest.match(/^FOR [A-Z ]+? OF (\w+)/)?.[1];
    const name = fromOf(text.slice(0, index), alias);
    if (name) add(index, name);
  }
  if (text.includes('graphile_worker.add_job')) add(text.length, 'jobs');
  const result = found.sort((a, b) => a.at - b.at).map(({ touch }) => touch);
  touches.set(text, result);
  return result;
}

/** The part of the statement that begins here: up to the bracket that closes it. */
function endOfPart(text: string, from: number): string {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    if (text[at] === '(') depth++;
    if (text[at] === ')' && --depth < 0) return text.slice(from, at);
  }
  return text.slice(from);
}

/** Which table the locking clause behind `before` is about: that of its alias, or the first of the same select. */
function fromOf(before: string, alias: string | undefined): string | undefined {
  const pattern = alias
    ? new RegExp(`\\b(?:FROM|JOIN)\\s+"?(\\w+)"?\\s+(?:AS )?${alias}\\b`, 'g')
    : /\bFROM\s+"?(\w+)"?/g;
  const level = [...before.matchAll(pattern)].filter(({ index }) => {
    const between = before.slice(index);
    return between.split('(').length === between.split(')').length;
  });
  return level.at(-1)?.[1];
}

/** Whether the transaction holds a row of the table: a statement's text does not say whether it met any. */
type Holds = (name: string) => Promise<boolean>;

interface Held {
  name: string;
  text: string;
}

/** What one transaction holds. */
class Recorded {
  readonly #held: Held[] = [];
  readonly #made = new Map<string, Set<string>>();
  readonly #report: (inversion: string) => void;

  constructor(report: (inversion: string) => void) {
    this.#report = report;
  }

  /** A statement was done. */
  async note(text: string, values: readonly unknown[], result: unknown, holds: Holds): Promise<void> {
    if (result === 0) return;
    const touched = locksOf(text).filter(({ name }) => rank.has(name));
    if (/^\s*SELECT\b/.test(text) && Array.isArray(result) && result.length === 0) return;
    const before = [...this.#held];
    for (const { name, adds } of touched) {
      if (adds) this.#own(name, result);
      else await this.#lock({ name, text }, values, before, holds);
    }
  }

  #own(name: string, result: unknown): void {
    const made = this.#made.get(name) ?? new Set<string>();
    this.#made.set(name, made);
    for (const row of Array.isArray(result) ? result : []) if (row?.id !== undefined) made.add(String(row.id));
  }

  async #lock(lock: Held, values: readonly unknown[], before: readonly Held[], holds: Holds): Promise<void> {
    const { name } = lock;
    if (this.#held.some((held) => held.name === name)) return;
    const made = this.#made.get(name);
    // Rows of its own making are nobody else's.
    if (made && (made.size === 0 || values.flat().some((value) => made.has(String(value))))) return;
    const later = this.#isCovered(name)
      ? []
      : before.filter((held) => rank.get(held.name)! > rank.get(name)! && !this.#isCovered(held.name));
    if (later.length > 0 && name !== 'jobs' && !(await holds(name))) return;
    for (const held of later) {
      if (await holds(held.name))
        this.#report(`${held.name} before ${name}:\n  ${short(held.text)}\n  ${short(lock.text)}`);
    }
    this.#held.push(lock);
  }

  #isCovered(name: string): boolean {
    const cover = covers.get(name);
    return cover !== undefined && this.#held.some((held) => held.name === cover);
  }
}

const short = (text: string) => text.replace(/\s+/g, ' ').trim().slice(0, 200);

type Method = (...given: unknown[]) => Promise<unknown>;
const statements = new Set(['$queryRaw', '$executeRaw', '$queryRawUnsafe', '$executeRawUnsafe']);
const writes = /^(update|delete|upsert)/;

function recordedTx<T extends object>(tx: T, recorded: Recorded): T {
  // Rows that it locked, changed or made carry its number.
  const holds: Holds = async (name) => {
    const mine = 'xmin = pg_current_xact_id()::xid OR xmax = pg_current_xact_id()::xid';
    const rows = await (Reflect.get(tx, '$queryRawUnsafe') as Method).call(
      tx,
      `SELECT 1 FROM ${name} WHERE ${mine} LIMIT 1`,
    );
    return (rows as unknown[]).length > 0;
  };
  return new Proxy(tx, {
    get(target, key) {
      const found = Reflect.get(target, key) as unknown;
      if (typeof key !== 'string') return found;
      if (statements.has(key))
        return async (given: { sql?: string; values?: unknown[] } | readonly string[] | string, ...rest: unknown[]) => {
          const result = await (found as Method).call(target, given, ...rest);
          const text =
            typeof given === 'string' ? given : 'sql' in given ? given.sql! : (given as readonly string[]).join('?');
          const values = typeof given === 'object' && 'values' in given ? (given.values as unknown[]) : rest;
          await recorded.note(text, values, result, holds);
          return result;
        };
      if (key.startsWith('$') || typeof found !== 'object' || found === null) return found;
      return model(found, key, recorded, holds);
    },
  });
}

function model(found: object, key: string, recorded: Recorded, holds: Holds): object {
  const name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return new Proxy(found, {
    get(target, method) {
      const call = Reflect.get(target, method) as unknown;
      if (typeof call !== 'function' || typeof method !== 'string' || !writes.test(method)) return call;
      return async (...given: unknown[]) => {
        const result = await (call as Method).apply(target, given);
        await recorded.note(`UPDATE ${name} (${method})`, [], result, holds);
        return result;
      };
    },
  });
}

/** The database, whose transactions are recorded; closing it throws when one took locks out of order. */
export function recordLocks(database: Database): Database {
  const inversions = new Set<string>();
  return {
    ...database,
    prisma: recordedClient(database.prisma, (inversion) => inversions.add(inversion)),
    close: async () => {
      await database.close();
      if (inversions.size > 0) throw new Error(`locks were taken out of order: ${[...inversions].join('\n')}`);
    },
  };
}

function recordedClient(prisma: PrismaClient, report: (inversion: string) => void): PrismaClient {
  return new Proxy(prisma, {
    get(target, key) {
      const found = Reflect.get(target, key) as unknown;
      if (key === '$transaction')
        return (work: (tx: object) => Promise<unknown>, options: object) =>
          (found as Method).call(target, (tx: object) => work(recordedTx(tx, new Recorded(report))), options);
      return typeof found === 'function' ? found.bind(target) : found;
    },
  });
}
