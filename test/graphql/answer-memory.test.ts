import { parse } from 'graphql';
import { expect, test } from 'vitest';
import { useAnswerMemory } from '../../src/graphql/answer-memory.ts';
import { buildSchema } from '../../src/graphql/schema.ts';

const schema = buildSchema();
const document = parse('query($n: Int!) { apps(first: $n) { edges { node { id } } } }');
const actor = { kind: 'API_KEY', organizationId: 1n, role: 'ADMINISTRATOR', scopes: ['apps:read'] };

/** A memory that never grows old, and whether it knew the answer to a question. */
function memory() {
  const plugin = useAnswerMemory({ news: { stamp: () => 'same', live: true }, rememberFor: 3_600_000 });
  return (variableValues: object, operationName?: string): boolean => {
    let known = false;
    const args = { schema, document, operationName, variableValues, contextValue: { actor } };
    const after = plugin.onExecute!({
      args,
      setResultAndStopExecution: () => {
        known = true;
      },
    } as never) as { onExecuteDone(done: object): void } | undefined;
    after?.onExecuteDone({ result: { data: { apps: null } }, setResult: () => {} });
    return known;
  };
}

test('F3 a question is known by its variables', () => {
  const ask = memory();
  expect([ask({ n: 1 }), ask({ n: 2 }), ask({ n: 1 })]).toEqual([false, false, true]);
});

test('G17 what questions are known by counts against the memory: large variables push the oldest out', () => {
  const ask = memory();
  const question = (index: number) => ({ n: 1, unused: String(index).padEnd(1_000_000, 'x') });
  for (let index = 0; index < 10; index += 1) ask(question(index));
  expect(ask(question(0))).toBe(true);
  for (let index = 10; index < 30; index += 1) ask(question(index));
  expect(ask(question(0))).toBe(false);
  expect(ask(question(29))).toBe(true);
});

test('G17 an operation that the document does not have leaves nothing behind', () => {
  const ask = memory();
  expect([ask({ n: 1 }, 'Nothing'), ask({ n: 1 }, 'Nothing')]).toEqual([false, false]);
});
