/** Property lists, as devices and MDM servers write them: XML or binary. @module */
import { build, type PlistValue, parse } from 'plist';

export type { PlistValue };

/** A dictionary of a property list. */
export type PlistDict = { [key: string]: PlistValue };

/** Bytes that are no property list, or one that no device writes. */
export class PlistError extends Error {
  override readonly name = 'PlistError';
}

/** Most bytes of a property list that are looked at; app lists of devices reach some hundred kilobytes. */
export const maxPlistBytes = 4 * 1024 * 1024;

/** Reads a property list whose root is a dictionary. Throws {@link PlistError}. */
export function readPlist(bytes: Uint8Array): PlistDict {
  if (bytes.byteLength > maxPlistBytes) throw new PlistError(`more than ${maxPlistBytes} bytes`);
  const value = parsed(bytes);
  if (
    typeof value !== 'object' ||
    value === null ||
    Array.isArray(value) ||
    ArrayBuffer.isView(value) ||
    value instanceof Date
  )
    throw new PlistError('its root is no dictionary');
  return value as PlistDict;
}

function parsed(bytes: Uint8Array): PlistValue {
  const binary = new TextDecoder('latin1').decode(bytes.subarray(0, 6)) === 'bplist';
  try {
    return parse(binary ? bytes : new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new PlistError(error instanceof Error ? error.message : String(error));
  }
}

/** Writes an XML property list. */
export function writePlist(value: PlistDict): string {
  return build(value);
}
