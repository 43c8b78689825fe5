import type { AppCounts } from '../domain/app/counts.ts';
import type { AppRow } from '../domain/app/row.ts';
import { builder } from './builder.ts';

/** An app; in a list with a token its counts are those of that token, and may have been read along. */
export interface ShownApp extends AppRow {
  countsTokenId?: bigint | null;
  counts?: AppCounts;
}

export const AppRef = builder.objectRef<ShownApp>('App');
