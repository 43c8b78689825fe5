/** Ids of enrollments in addresses: a comma parts them, and a path must not be led elsewhere by one. @module */

/** Longest id that is taken: a UDID and a short name fit well. */
const longest = 256;

/** Whether an id may stand in an address of the server. */
export function isEnrollmentId(id: string): boolean {
  return (
    id.length > 0 && id.length <= longest && !/[\p{Cc}\p{Cs},/\\%]/u.test(id) && !/^\.+$/.test(id) && id.trim() === id
  );
}

/** The last part of an address that names these enrollments. */
export function pathOf(ids: readonly string[]): string {
  return ids.map(encodeURIComponent).join(',');
}
