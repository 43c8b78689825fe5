/**
 * `versionId`: opaque to a client, a counter to us. The counter hides in the last twelve digits, so no history of
 * versions has to be kept. @module
 */
import { createHash } from 'node:crypto';

/** The data sets that carry a version each. */
export type DataSet = 'assets' | 'assignments' | 'users' | 'subscriptions';

/** The version text of a data set at a counter. */
export function versionId(uId: string, dataSet: DataSet, counter: number): string {
  return `${prefix(uId, dataSet)}-${counter.toString(16).padStart(12, '0')}`;
}

/** The counter in a version text, or undefined when this data set never had that version. */
export function parseVersionId(text: string, uId: string, dataSet: DataSet, newest: number): number | undefined {
  const digits = text.slice(-12);
  if (!/^[0-9a-f]{12}$/.test(digits)) return undefined;
  const counter = Number.parseInt(digits, 16);
  return text === versionId(uId, dataSet, counter) && counter <= newest ? counter : undefined;
}

function prefix(uId: string, dataSet: DataSet): string {
  const hex = createHash('sha1').update(`${uId}:${dataSet}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`].join('-');
}
