/** What an operation asks for below a field, so that it can be read in one go. @module */
import type { GraphQLResolveInfo, SelectionSetNode } from 'graphql';

/** Names of the fields that are selected at the end of `path`, through fragments of every type; conditions are not looked at. */
export function selectedFields(info: GraphQLResolveInfo, path: readonly string[] = []): Set<string> {
  let sets = info.fieldNodes.flatMap((node) => node.selectionSet ?? []);
  for (const step of path)
    sets = sets.flatMap((set) =>
      [...fieldsOf(info, set)].flatMap(([name, inner]) => (name === step && inner ? [inner] : [])),
    );
  return new Set(sets.flatMap((set) => [...fieldsOf(info, set)].map(([name]) => name)));
}

function* fieldsOf(
  info: GraphQLResolveInfo,
  set: SelectionSetNode,
): Generator<[name: string, inner: SelectionSetNode | undefined]> {
  for (const selection of set.selections) {
    if (selection.kind === 'Field') yield [selection.name.value, selection.selectionSet];
    else {
      const part = selection.kind === 'InlineFragment' ? selection : info.fragments[selection.name.value];
      if (part) yield* fieldsOf(info, part.selectionSet);
    }
  }
}
