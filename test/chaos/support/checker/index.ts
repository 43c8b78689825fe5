/** Judges a run after the quiet. @module */
import { answersHold } from './answers.ts';
import { appleAgrees, neverMoreThanBought } from './apple.ts';
import { booksBalance, nothingDoubled, reservedWithinTotal } from './books.ts';
import { countsAreToldRight } from './counts.ts';
import type { Case, Evidence, Invariant } from './evidence.ts';
import { seatBooksBalance, seatsAgree } from './seats.ts';
import { streamsAreWhole } from './streams.ts';
import { eventsAreNumbered, nothingLeftOpen, tasksEnd } from './tasks.ts';
import { nothingWrittenTwice } from './writes.ts';

const invariants: readonly Invariant[] = [
  neverMoreThanBought,
  appleAgrees,
  booksBalance,
  reservedWithinTotal,
  nothingDoubled,
  seatsAgree,
  seatBooksBalance,
  tasksEnd,
  eventsAreNumbered,
  nothingLeftOpen,
  streamsAreWhole,
  countsAreToldRight,
  answersHold,
  nothingWrittenTwice,
];

/** Most sentences of one invariant. */
const most = 8;

/** One sentence for each violation, with the seed; nothing when all is well. */
export async function check(given: Case): Promise<string[]> {
  const truths = await Promise.all(given.libraries.map((library) => given.simulator.truth(library)));
  const evidence: Evidence = {
    ...given,
    truths,
    seatTruths: await Promise.all(
      given.libraries.map(async (uId) => ({ uId, ...(await given.simulator.subscriptions(uId)) })),
    ),
    rows: async (sql, values) => (await given.db.query(sql, values)).rows,
  };
  const found: string[] = [];
  for (const invariant of invariants) {
    const sentences = await invariant(evidence);
    found.push(...sentences.slice(0, most));
    if (sentences.length > most) found.push(`… and ${sentences.length - most} more of ${invariant.name}`);
  }
  return found.map((sentence) => `${sentence} [seed ${given.seed}]`);
}
