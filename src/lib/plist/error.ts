/** Bytes that are no property list, or one that no device writes. */
export class PlistError extends Error {
  override readonly name = 'PlistError';
}

/** Deepest nesting that is read; answers of devices have six levels. */
export const maxDepth = 32;
