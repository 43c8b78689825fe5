import type { builder } from './builder.ts';

/** A connection that can count its whole list. */
export interface Countable {
  count(): bigint | Promise<bigint>;
}

type ConnectionFields = Parameters<typeof builder.objectFields<never>>[1];

/** The second argument of `t.connection`: adds `totalCount`, which is counted only when it is asked for. */
export const totalCount = withCount('Int');

/** The same as a 64-bit number. */
export const wideTotalCount = withCount('Count');

function withCount(type: 'Int' | 'Count') {
  const fields: ConnectionFields = (t) => ({
    totalCount: t.field({
      type,
      description: 'How many there are in the whole list; counted only when asked for.',
      resolve: async (connection) => {
        const count = await (connection as unknown as Countable).count();
        return (type === 'Int' ? Number(count) : count) as never;
      },
    }),
  });
  return { fields: fields as never };
}
