/** What was asked of the simulator and what it answered, for assertions. Never holds a bearer or a cookie. @module */

/** One request. */
export interface JournalEntry {
  /** Rises by one; `since` continues after it. */
  n: number;
  /** ISO time by the simulator's clock. */
  at: string;
  method: string;
  path: string;
  /** The operation's name, e.g. `associateAssets`; `unknown` for other paths. */
  operation: string;
  query: Record<string, string>;
  /** What the body named, bounded. */
  body?: BodySummary;
  /** HTTP status; 0 when the connection was cut. */
  status: number;
  errorNumber?: number;
  /** Whether an `itvt` cookie came along. */
  cookie?: true;
  /** The event that a write started. */
  eventId?: string;
  /** The library of a known token. */
  uId?: string;
  /** Kinds of the faults that took part. */
  faults?: string[];
}

/** Numbers and first names of what a body listed. */
export interface BodySummary {
  assets: number;
  serialNumbers: number;
  clientUserIds: number;
  adamIds: string[];
  serials: string[];
  users: string[];
  /** Other fields by name only: their values may be secrets. */
  fields: string[];
}

/** Names kept per list. */
const namesKept = 50;
/** Entries kept; the oldest go first. */
const entriesKept = 20_000;

export class Journal {
  #entries: JournalEntry[] = [];
  #last = 0;

  add(entry: Omit<JournalEntry, 'n'>): void {
    this.#entries.push({ n: ++this.#last, ...entry });
    if (this.#entries.length > entriesKept * 1.1) this.#entries = this.#entries.slice(-entriesKept);
  }

  /** Entries after number `since`, of one operation if named, oldest first. */
  list(query: { since?: number; operation?: string; limit?: number } = {}): JournalEntry[] {
    const found = this.#entries.filter(
      (entry) => entry.n > (query.since ?? 0) && (!query.operation || entry.operation === query.operation),
    );
    return query.limit === undefined ? found : found.slice(0, query.limit);
  }

  /** Forgets all entries; numbers keep rising. */
  clear(): void {
    this.#entries = [];
  }
}

/** Sums up a JSON body. */
export function summarize(body: unknown): BodySummary | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const fields = body as Record<string, unknown>;
  const assets = listOf(fields.assets);
  const serials = listOf(fields.serialNumbers);
  const users = [...listOf(fields.clientUserIds), ...listOf(fields.users).map(idOf)];
  return {
    assets: assets.length,
    serialNumbers: serials.length,
    clientUserIds: users.length,
    adamIds: assets.slice(0, namesKept).map((asset) => String((asset as { adamId?: unknown } | null)?.adamId)),
    serials: serials.slice(0, namesKept).map(String),
    users: users.slice(0, namesKept).map(String),
    fields: Object.keys(fields),
  };
}

function idOf(user: unknown): unknown {
  return (user as { clientUserId?: unknown } | null)?.clientUserId;
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
