/**
 * Property lists, as devices and MDM servers write them: XML or binary. They come from devices that nobody vouches for, so
 * each is looked over before the library parses it.
 * @module
 */
import { build, type PlistValue, parse } from 'plist';
import { PlistError } from './plist/error.ts';
import { scanBinary } from './plist/scan-binary.ts';
import { scanXml } from './plist/scan-xml.ts';

export { PlistError, type PlistValue };

/** A dictionary of a property list. */
export type PlistDict = { [key: string]: PlistValue };

/** Most bytes of a property list that are looked at; app lists of devices have some hundred kilobytes at most. */
export const maxPlistBytes = 1024 * 1024;

/** Reads a property list whose root is a dictionary. Throws {@link PlistError}. */
export function readPlist(bytes: Uint8Array): PlistDict {
  if (bytes.byteLength > maxPlistBytes) throw new PlistError(`more than ${maxPlistBytes} bytes`);
  const value = parsed(bytes);
  if (!isPlistDict(value)) throw new PlistError('its root is no dictionary');
  return value;
}

/** Whether a value is a dictionary. */
export function isPlistDict(value: PlistValue | undefined): value is PlistDict {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !ArrayBuffer.isView(value) &&
    !(value instanceof Date)
  );
}

function parsed(bytes: Uint8Array): PlistValue {
  const binary = new TextDecoder('latin1').decode(bytes.subarray(0, 6)) === 'bplist';
  try {
    if (binary) {
      scanBinary(bytes);
      return parse(bytes);
    }
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    scanXml(text);
    return parse(text);
  } catch (error) {
    throw error instanceof PlistError ? error : new PlistError(error instanceof Error ? error.message : String(error));
  }
}

/** Writes an XML property list. */
export function writePlist(value: PlistDict): string {
  return build(value);
}
