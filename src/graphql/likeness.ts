import type { DocumentNode, ExecutionArgs } from 'graphql';
import type { SignedIn } from './context.ts';

/** Makes texts that are equal for operations that must be answered the same: same document, variables and rights. */
export function createLikeness(): (args: ExecutionArgs) => string {
  const numbers = new WeakMap<DocumentNode, number>();
  let count = 0;
  return ({ document, operationName, variableValues, contextValue }) => {
    const number = numbers.get(document) ?? ++count;
    numbers.set(document, number);
    const { actor } = contextValue as SignedIn;
    const rights = [actor.organizationId, actor.role, ...actor.scopes.toSorted()].join(' ');
    return JSON.stringify([number, operationName, variableValues, rights]);
  };
}
