import type { ObjectFieldsShape, ObjectRef } from '@pothos/core';
import type DataLoader from 'dataloader';
import { builder } from './builder.ts';
import { bareId } from './ids.ts';
import type { Loaders } from './loaders.ts';

type Types = typeof builder.$inferSchemaTypes;

/** Loaders that find rows by their ids. */
type RowLoader = {
  [Name in keyof Loaders]: Loaders[Name] extends DataLoader<bigint, infer Row>
    ? null extends Row
      ? Name
      : never
    : never;
}[keyof Loaders];

/** Makes a type a node whose rows are found by a loader. */
export function rowNode<Row extends { id: bigint }>(
  ref: ObjectRef<Types, Row>,
  loader: RowLoader,
  options: { description: string; fields: ObjectFieldsShape<Types, Row> },
): void {
  builder.node(ref, {
    description: options.description,
    id: { resolve: (row) => String(row.id) },
    loadManyWithoutCache: (ids, { loaders }) =>
      Promise.all(
        ids.map((text) => {
          const id = bareId(text);
          return id === null ? null : (loaders[loader].load(id) as Promise<unknown>);
        }),
      ) as never,
    fields: options.fields,
  });
}
