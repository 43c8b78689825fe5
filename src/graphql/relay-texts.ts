/** Descriptions of what the Relay plugin adds by itself. @module */

const describe = (description: string) => ({ description });

/** The Node interface and its two root fields. */
export const nodeTexts = {
  idFieldOptions: describe('Opaque global id; `node(id:)` finds the object again.'),
  nodeTypeOptions: describe('An object with a global id.'),
  nodeQueryOptions: {
    description: 'The object with this global id; null when the organization has none such.',
    args: { id: describe('A global id, as any `id` field gives it.') },
  },
  nodesQueryOptions: {
    description: 'The objects with these global ids, in the same order; null where the organization has none such.',
    args: { ids: describe('At most 100 global ids.') },
  },
};

/** Connections, edges and pages. */
export const connectionTexts = {
  pageInfoTypeOptions: describe('Where a page lies in its list.'),
  hasNextPageFieldOptions: describe('Whether more follows behind `endCursor`.'),
  hasPreviousPageFieldOptions: describe('Whether more lies before `startCursor`.'),
  startCursorFieldOptions: describe('Cursor of the first edge of the page.'),
  endCursorFieldOptions: describe('Cursor of the last edge of the page; hand it back as `after`.'),
  cursorFieldOptions: describe('Opaque position in the list.'),
  pageInfoFieldOptions: describe('Where this page lies in the list.'),
  firstArgOptions: describe('How many to take from the start, at most 100. One of `first` and `last` is needed.'),
  lastArgOptions: describe('How many to take from the end, at most 100.'),
  afterArgOptions: describe('Take those behind this cursor.'),
  beforeArgOptions: describe('Take those before this cursor.'),
  defaultConnectionTypeOptions: describe('One page of a list.'),
  defaultEdgeTypeOptions: describe('An object of a list, and where it stands in it.'),
};
