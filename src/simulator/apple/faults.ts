/** Misfortunes to order: which request they meet, and what they do. @module */
import type { Limits } from '../options.ts';
import type { Random } from '../random.ts';
import type { MdmInfo } from '../scenarios/types.ts';
import type { EventPlan } from './events.ts';

/** Which requests a fault meets; every field that is given must fit. */
export interface FaultMatch {
  method?: string;
  /** Part of the path. */
  path?: string;
  /** An operation's name, e.g. `getAssignments`. */
  operation?: string;
  /** Name of the token that was sent. */
  tokenName?: string;
  /** Value of the query's `pageIndex`; a missing one is 0. */
  pageIndex?: number;
  /** Only the n-th fitting request, counted from 1. */
  nth?: number;
  /** How many fitting requests it meets; 1 with `nth`, otherwise without end. */
  times?: number;
  /** Share of the fitting requests that it meets, by the seed. */
  probability?: number;
}

/** What happens to a request that is met. */
export type Fault =
  /** An error of Apple's; status and text go with the number unless given. Nothing is done. */
  | {
      kind: 'error';
      errorNumber: number;
      status?: number;
      message?: string;
      /** Seconds, or the full text of the header. */
      retryAfter?: number | string;
      /** Seconds from now, written as an HTTP date. */
      retryAfterDate?: number;
    }
  /** The answer takes `ms` longer. */
  | { kind: 'latency'; ms: number }
  /** The connection is cut: before anything was done, or after all of it was. */
  | { kind: 'reset'; when: 'before' | 'after' }
  /** A gateway's HTML page instead of an answer: nothing was done, or with `after` all of it. */
  | { kind: 'html'; status?: number; when?: 'before' | 'after' }
  /** The right answer, cut off in the middle of its JSON. */
  | { kind: 'truncate'; bytes?: number }
  /** Fields of the answer are replaced or taken out. */
  | { kind: 'patch'; set?: Record<string, unknown>; remove?: string[] }
  /** The answer has a field nobody knows. */
  | { kind: 'unknownField' }
  /** `nextPageIndex` comes as text. */
  | { kind: 'nextPageIndexAsString' }
  /** The list (`assets`, `assignments`, `users`, `failures`) is missing. */
  | { kind: 'missingList' }
  /** `versionId` is another one: the data changed in the middle of a sweep. */
  | { kind: 'versionChanges' }
  /** `totalPages` is another one. */
  | { kind: 'totalPagesChanges'; by?: number }
  /** Somebody else claims the library just before this answer, and stays. */
  | { kind: 'foreignMdmInfo'; mdmInfo?: MdmInfo }
  /** The limits change just before this answer, and stay. */
  | { kind: 'limits'; limits: Partial<Limits> }
  /** The event that this write starts goes wrong. */
  | { kind: 'event'; plan: EventPlan };

/** An ordered fault with what became of it. */
export interface OrderedFault {
  id: string;
  match: FaultMatch;
  fault: Fault;
  /** Fitting requests so far. */
  seen: number;
  /** Requests it has met. */
  used: number;
}

/** What of a request is compared. */
export interface FaultSubject {
  method: string;
  path: string;
  operation: string;
  tokenName?: string;
  pageIndex: number;
}

export class FaultRegistry {
  #faults: OrderedFault[] = [];
  #last = 0;
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Orders a fault and gives its id. */
  add(match: FaultMatch, fault: Fault): OrderedFault {
    const ordered = { id: `fault-${++this.#last}`, match, fault, seen: 0, used: 0 };
    this.#faults.push(ordered);
    return ordered;
  }

  list(): OrderedFault[] {
    return [...this.#faults];
  }

  /** Takes back one fault, or all. */
  clear(id?: string): void {
    this.#faults = id === undefined ? [] : this.#faults.filter((fault) => fault.id !== id);
  }

  /** The faults that meet a request, in the order they were added. */
  take(subject: FaultSubject): Fault[] {
    return this.#faults.filter((ordered) => this.#meets(ordered, subject)).map((ordered) => ordered.fault);
  }

  #meets(ordered: OrderedFault, subject: FaultSubject): boolean {
    const { match } = ordered;
    if (!fits(match, subject)) return false;
    ordered.seen++;
    if (match.nth !== undefined && ordered.seen < match.nth) return false;
    if (ordered.used >= (match.times ?? (match.nth === undefined ? Number.POSITIVE_INFINITY : 1))) return false;
    if (match.probability !== undefined && this.#random.next() >= match.probability) return false;
    ordered.used++;
    return true;
  }
}

function fits(match: FaultMatch, subject: FaultSubject): boolean {
  return (
    (match.method === undefined || match.method.toUpperCase() === subject.method) &&
    (match.path === undefined || subject.path.includes(match.path)) &&
    (match.operation === undefined || match.operation === subject.operation) &&
    (match.tokenName === undefined || match.tokenName === subject.tokenName) &&
    (match.pageIndex === undefined || match.pageIndex === subject.pageIndex)
  );
}
