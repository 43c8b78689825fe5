/**
 * Looks over a binary property list before it is parsed. Its objects refer to each other by number, so a few bytes may
 * mean an endless or a gigantic tree, and a length may point outside: what would cost more than a bound is refused.
 * @module
 */
import { maxDepth, PlistError } from './error.ts';

/** Most that a list may be when each reference is followed, in bytes, where each object counts as {@link objectCost}. */
const maxCost = 16 * 1024 * 1024;
const objectCost = 16;
const maxObjects = 500_000;
const trailerBytes = 32;

interface Table {
  view: DataView;
  /** Where the objects end. */
  end: number;
  objects: number;
  refSize: number;
  offsetOf(object: number): number;
}

/** An object without what is in it. */
interface Head {
  type: number;
  /** Bytes of a text or data; references of a list; pairs of a dictionary. */
  size: number;
  /** Where its content begins. */
  at: number;
}

/** Throws {@link PlistError} unless every object lies inside and the whole tree is finite and bounded. */
export function scanBinary(bytes: Uint8Array): void {
  const { table, top } = readTable(bytes);
  costOf(table, top, new Map(), 0);
}

function readTable(bytes: Uint8Array): { table: Table; top: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const trailer = bytes.byteLength - trailerBytes;
  if (trailer < 9 || new TextDecoder('latin1').decode(bytes.subarray(0, 8)) !== 'bplist00') throw outside();
  const [offsetSize, refSize] = [view.getUint8(trailer + 6), view.getUint8(trailer + 7)];
  const [objects, top, start] = [8, 16, 24].map((at) => uint(view, trailer + at, 8)) as [number, number, number];
  if (objects < 1 || objects > maxObjects || top >= objects) throw outside();
  if (start < 8 || start + objects * offsetSize > trailer) throw outside();
  if (![1, 2, 4, 8].includes(offsetSize) || ![1, 2, 4, 8].includes(refSize)) throw outside();
  const offsetOf = (object: number) => uint(view, start + object * offsetSize, offsetSize);
  return { table: { view, end: start, objects, refSize, offsetOf }, top };
}

/** What the object costs with all that it refers to. `seen`: costs that are known; 0 while an object is being looked at. */
function costOf(table: Table, object: number, seen: Map<number, number>, depth: number): number {
  const known = seen.get(object);
  if (known === 0) throw new PlistError('an object contains itself');
  if (known !== undefined) return known;
  if (depth > maxDepth) throw new PlistError(`more than ${maxDepth} levels`);
  seen.set(object, 0);
  const head = headOf(table, object);
  let cost = objectCost + (head.type === 0xa || head.type === 0xd ? 0 : lengthOf(head));
  for (const child of childrenOf(table, head)) {
    cost += costOf(table, child, seen, depth + 1);
    if (cost > maxCost) throw new PlistError('it is larger than any device writes');
  }
  seen.set(object, cost);
  return cost;
}

function headOf({ view, end, offsetOf }: Table, object: number): Head {
  let at = offsetOf(object);
  if (at < 8 || at >= end) throw outside();
  const marker = view.getUint8(at++);
  const type = marker >> 4;
  let size = marker & 0x0f;
  if (size === 0x0f && type >= 0x4 && type !== 0x8) {
    const bytes = 1 << (view.getUint8(at++) & 0x0f);
    if (bytes > 8 || at + bytes > end) throw outside();
    size = uint(view, at, bytes);
    at += bytes;
  }
  const head = { type, size, at };
  if (!Number.isSafeInteger(size) || at + lengthOf(head) > end) throw outside();
  return head;
}

/** Bytes of an object's own content. Everything that is not listed is no object of a property list. */
function lengthOf({ type, size }: Head): number {
  if (type === 0x0 && [0, 8, 9].includes(size)) return 0;
  if (type === 0x1 && size <= 3) return 1 << size;
  if ((type === 0x2 && (size === 2 || size === 3)) || (type === 0x3 && size === 3)) return 1 << size;
  if (type === 0x4 || type === 0x5) return size;
  if (type === 0x6) return size * 2;
  if (type === 0xa || type === 0xd) return size;
  throw new PlistError('an object of an unknown kind');
}

function* childrenOf(table: Table, { type, size, at }: Head): Generator<number> {
  if (type !== 0xa && type !== 0xd) return;
  const { view, refSize, end, objects } = table;
  const count = type === 0xd ? size * 2 : size;
  if (at + count * refSize > end) throw outside();
  for (let index = 0; index < count; index++) {
    const child = uint(view, at + index * refSize, refSize);
    if (child >= objects) throw outside();
    if (type === 0xd && index < size) requireKey(table, child);
    yield child;
  }
}

/** Keys are texts; one that JavaScript takes for a prototype is none that a device writes. */
function requireKey(table: Table, object: number): void {
  const { type, size, at } = headOf(table, object);
  if (type !== 0x5 && type !== 0x6) throw new PlistError('a key that is no text');
  const width = type === 0x6 ? 2 : 1;
  const lower = (index: number) => table.view.getUint8(at + index * width + width - 1);
  if (size === 9 && String.fromCharCode(...Array.from({ length: 9 }, (_, index) => lower(index))) === '__proto__')
    throw new PlistError('a key that no device writes');
}

function uint(view: DataView, at: number, size: number): number {
  if (size === 1) return view.getUint8(at);
  if (size === 2) return view.getUint16(at);
  return size === 4 ? view.getUint32(at) : view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
}

const outside = () => new PlistError('it points outside of itself');
