/** What many objects of one answer are asked alike: one statement a question, however many it is asked of. @module */
import DataLoader from 'dataloader';

/** Asks the question of an owner. */
export type AskOwner<Question, Answer> = (ownerId: bigint, question: Question) => Promise<Answer>;

/** `read` answers for all owners at once; `none` is the answer of those that it leaves out. Nothing is remembered. */
export function askedAlike<Question, Answer>(
  read: (ownerIds: readonly bigint[], question: Question) => Promise<Map<bigint, Answer>>,
  none: Answer,
): AskOwner<Question, Answer> {
  interface Asked {
    ownerId: bigint;
    question: Question;
    key: string;
  }
  const loader = new DataLoader<Asked, Answer>(
    async (asked) => {
      const questions = new Map(asked.map(({ key, question }) => [key, question]));
      const answers = new Map<string, Map<bigint, Answer>>();
      for (const [key, question] of questions) {
        const owners = new Set(asked.filter((one) => one.key === key).map((one) => one.ownerId));
        answers.set(key, await read([...owners], question));
      }
      return asked.map(({ key, ownerId }) => answers.get(key)!.get(ownerId) ?? none);
    },
    { cache: false },
  );
  return (ownerId, question) => loader.load({ ownerId, question, key: keyOf(question) });
}

/** Questions are plain objects that are written with their parts in one order. */
const keyOf = (question: unknown): string =>
  JSON.stringify(question, (_name, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
