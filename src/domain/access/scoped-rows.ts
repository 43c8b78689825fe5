/** The other half of what keeps organizations apart, for statements that are written by hand. @module */
import type { Rows } from '../../db/rows.ts';
import { UnscopedQueryError } from './scoped-client.ts';

/** Which parameters of a text are compared with an organization. */
const parametersOf = new Map<string, readonly number[]>();

/** Reads of one organization: a statement that is not bound to it, or to another one, is refused. */
export function scopedRows(rows: Rows, organizationId: bigint): Rows {
  return {
    rows: (statement) => {
      const { text, values } = statement;
      const parameters = parametersOf.get(text) ?? findParameters(text);
      if (parameters.length === 0) throw new UnscopedQueryError('a statement names no organization');
      if (parameters.some((index) => values[index] !== organizationId))
        throw new UnscopedQueryError('a statement names another organization');
      return rows.rows(statement);
    },
  };
}

function findParameters(text: string): number[] {
  const found = [...text.matchAll(/\borganization_id = \$(\d+)/g)].map(([, position]) => Number(position) - 1);
  parametersOf.set(text, found);
  return found;
}
