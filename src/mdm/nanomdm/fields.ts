/** Values of property lists as devices write them: any key may be missing or of another type than promised. @module */
import { cleanText } from '../../lib/clean-text.ts';
import { isPlistDict, type PlistDict, type PlistValue } from '../../lib/plist.ts';

/** A text, or null. */
export function textAt(dict: PlistDict, key: string, longest = 500): string | null {
  const value = dict[key];
  return typeof value === 'string' && value !== '' ? cleanText(value, longest) : null;
}

/** A number as text: version ids are numbers in lists and could outgrow what a number holds exactly. */
export function idAt(dict: PlistDict, key: string): string | null {
  const value = dict[key];
  return typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : textAt(dict, key, 40);
}

/** A yes or no, or null. */
export function flagAt(dict: PlistDict, key: string): boolean | null {
  const value = dict[key];
  return typeof value === 'boolean' ? value : null;
}

/** A dictionary, or undefined. */
export function dictAt(dict: PlistDict, key: string): PlistDict | undefined {
  const value = dict[key];
  return isPlistDict(value) ? value : undefined;
}

/** The dictionaries of a list, or undefined when there is none. */
export function dictsAt(dict: PlistDict, key: string): PlistDict[] | undefined {
  const value: PlistValue | undefined = dict[key];
  return Array.isArray(value) ? value.filter(isPlistDict) : undefined;
}
