/** Where things are. @module */
import { fileURLToPath } from 'node:url';

/** @param {string} relative */
const fromHere = (relative) => fileURLToPath(new URL(relative, import.meta.url));

/** Root of the project. */
export const root = fromHere('../../../');
/** Russet's built programs. */
export const dist = fromHere('../../../dist/');
/** The servers that Russet is compared with. */
export const references = fromHere('../references/');
/** Programs of the bench itself. */
export const lib = fromHere('./');
/** The bench's own folder. */
export const bench = fromHere('../../');
