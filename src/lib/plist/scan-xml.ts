/** Looks over an XML property list before it is parsed: one that could cost more than its length is refused. @module */
import { maxDepth, PlistError } from './error.ts';

/** Elements that a property list is made of. */
const elements = new Set('plist dict array key string integer real data date true false'.split(' '));

/** Declaration and document type, the latter without declarations of its own: entities come from there. */
const prolog = /^\uFEFF?\s*(?:<\?xml\s[^<>?]*\?>\s*)?(?:<!--[\s\S]*?-->\s*)*(?:<!DOCTYPE\s+plist\b[^<>[\]]*>\s*)?/;
const token = /<!--[\s\S]*?-->|<!\[CDATA\[[\s\S]*?\]\]>|<(\/?)([a-z]+)(?:\s+version="[\d.]+")?\s*(\/?)>|[^<]+/y;
/** Nothing but the entities of XML itself, and no characters that it does not know. */
const strange = /&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[\da-fA-F]{1,6});)|[^\P{Cc}\t\n\r]/u;

/** Throws {@link PlistError} unless the text is a plain, balanced property list of bounded depth. */
export function scanXml(xml: string): void {
  if (strange.test(xml)) throw new PlistError('it has entities or characters that no device writes');
  token.lastIndex = prolog.exec(xml)![0].length;
  const open: string[] = [];
  let root = false;
  while (token.lastIndex < xml.length) {
    const at = token.lastIndex;
    const found = token.exec(xml);
    if (!found) throw new PlistError(`it is not well-formed at character ${at}`);
    const [text, closes, name, empty] = found;
    if (name === undefined) {
      if (open.length === 0 && !text.startsWith('<!--') && text.trim() !== '') throw new PlistError('text around it');
      continue;
    }
    if (closes) {
      if (open.pop() !== name) throw new PlistError(`an element "${name}" ends that did not begin`);
      continue;
    }
    if (!elements.has(name) || (name === 'plist') !== (open.length === 0) || (open.length === 0 && root))
      throw new PlistError(`an element "${name}" where none may be`);
    root = true;
    if (!empty && open.push(name) > maxDepth) throw new PlistError(`more than ${maxDepth} levels`);
  }
  if (open.length > 0 || !root) throw new PlistError('it is not whole');
}
