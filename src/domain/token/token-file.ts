/**
 * Reads the token file that an administrator downloads from Apple School Manager or Apple Business: one Base64 text
 * around a JSON object with `token`, `expDate` and `orgName` (fact sheet §2.1).
 * @module
 */

/** Longest file that is looked at, in bytes of UTF-8. Apple's files have a few hundred. */
export const maxTokenFileBytes = 64 * 1024;

/** What a token file says. */
export interface TokenFile {
  /** The file's text without byte-order mark and white space: what Apple wants to see as bearer. A secret. */
  bearer: string;
  /** The date in the file. It may be past; and Apple may have revoked the token long before it. */
  expiresAt: Date;
  organizationName: string;
}

/** Why a text is no token file, and what to do about it. The sentences name nothing that the text holds. */
const hints = {
  EMPTY: 'The file is empty. Download the token again and upload it as it is.',
  TOO_LARGE: 'This is far larger than any token file. Choose the file that ends in .vpptoken.',
  WRONG_ENCODING: 'The characters are damaged or in UTF-16. Upload the downloaded file itself, not a copy saved anew.',
  NOT_BASE64: 'This is not Base64, or its end is missing. Upload the whole .vpptoken file, unopened and unchanged.',
  NOT_JSON: 'The Base64 holds something else than a token, or only a part of one. Download it once more.',
  WRONG_TYPE: 'The content has a value of the wrong kind, so it did not come from Apple. Download it once more.',
  MISSING_FIELD: 'The content is incomplete: one of its three fields is absent or empty. Download it once more.',
  INNER_TOKEN: 'This looks like the inner value alone. Upload the whole file, without decoding it first.',
  DOUBLE_ENCODED: 'The file was put into Base64 a second time. Upload its text exactly as downloaded.',
  BAD_DATE: 'The expiry date in the content is no date in Apple’s form. Download it once more.',
} as const;

/** The class of a {@link TokenFileProblem}. */
export type TokenFileReason = keyof typeof hints;

/** The text is no token file. Holds no part of the text. */
export class TokenFileProblem extends Error {
  override readonly name = 'TokenFileProblem';
  readonly reason: TokenFileReason;
  /** A sentence for people: what is wrong and what to do. */
  readonly hint: string;
  /** Which field of the content, where one is to blame: `token`, `expDate` or `orgName`. */
  readonly field: string | undefined;

  constructor(reason: TokenFileReason, field?: string) {
    super(hints[reason]);
    this.reason = reason;
    this.hint = hints[reason];
    this.field = field;
  }
}

/**
 * Reads the text of a token file as it was downloaded: byte-order mark, line breaks (also CRLF and inside the Base64)
 * and pretty-printed JSON are fine. Missing padding is not: it means that the end of the text was lost, and the bearer
 * would not be the one that Apple issued.
 *
 * @throws TokenFileProblem for every other text.
 */
export function parseTokenFile(text: string): TokenFile {
  if (Buffer.byteLength(text, 'utf8') > maxTokenFileBytes) throw new TokenFileProblem('TOO_LARGE');
  if (misreadMarks.some((mark) => text.includes(mark)) || misreadStarts.some((start) => text.startsWith(start))) {
    throw new TokenFileProblem('WRONG_ENCODING');
  }
  // In JavaScript the byte-order mark U+FEFF counts as white space.
  const bearer = text.replace(/\s+/g, '');
  if (bearer === '') throw new TokenFileProblem('EMPTY');
  const bytes = decodeBase64(bearer);
  if (!bytes) throw new TokenFileProblem('NOT_BASE64');
  return { bearer, ...readContent(bytes) };
}

/** A NUL, a replacement character or a swapped byte-order mark shows that the bytes were read in another encoding. */
const misreadMarks = ['\u0000', '\uFFFD', '\uFFFE'];
/** Byte-order marks of UTF-16 (both orders) and UTF-8, read as Latin-1. */
const misreadStarts = ['\u00FF\u00FE', '\u00FE\u00FF', '\u00EF\u00BB\u00BF'];

/** Node's decoder takes almost anything; only what comes back unchanged was standard Base64 with its padding. */
function decodeBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}

function readContent(bytes: Buffer): Omit<TokenFile, 'bearer'> {
  const content = decodeUtf8(bytes);
  const fields = content === null ? undefined : parseJson(content);
  if (fields === undefined) throw new TokenFileProblem(explain(bytes, content));
  if (!isObject(fields)) throw new TokenFileProblem('WRONG_TYPE');
  requireText(fields, 'token');
  const expiresAt = parseAppleDate(requireText(fields, 'expDate'));
  const organizationName = requireText(fields, 'orgName');
  if (!expiresAt) throw new TokenFileProblem('BAD_DATE', 'expDate');
  return { expiresAt, organizationName };
}

function decodeUtf8(bytes: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** Undefined when the text is not JSON, which no JSON text yields. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function requireText(fields: Record<string, unknown>, name: 'token' | 'expDate' | 'orgName'): string {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (value === undefined || value === null || value === '') throw new TokenFileProblem('MISSING_FIELD', name);
  if (typeof value !== 'string') throw new TokenFileProblem('WRONG_TYPE', name);
  return value;
}

/**
 * Guesses what a Base64 text that holds no JSON is. An inner token is opaque, so it is told from other things by what
 * it is not: prose, a broken object, or a file with a known beginning.
 */
function explain(bytes: Buffer, content: string | null): TokenFileReason {
  if (content === null || content.includes('\u0000')) {
    const start = bytes.toString('latin1', 0, 4);
    if (misencodedBeginnings.some((beginning) => start.startsWith(beginning))) return 'WRONG_ENCODING';
    return knownBeginnings.some((beginning) => start.startsWith(beginning)) ? 'NOT_JSON' : 'INNER_TOKEN';
  }
  const inner = decodeBase64(content.replace(/\s+/g, ''));
  if (inner && isObject(parseJson(inner.toString('utf8')))) return 'DOUBLE_ENCODED';
  return /\s/.test(content.trim()) || /^[[{<"%-]/.test(content) ? 'NOT_JSON' : 'INNER_TOKEN';
}

/** A byte-order mark of UTF-16, or an object that is not in UTF-8. */
const misencodedBeginnings = ['\u00FF\u00FE', '\u00FE\u00FF', '{', '\u0000{'];

/** DER (certificates, the .p7m of device enrollment), ZIP, PNG, JPEG, gzip, PDF. */
const knownBeginnings = ['0\u0082', '0\u0080', 'PK', '\u0089PNG', '\u00FF\u00D8', '\u001F\u008B', '%PDF'];

const dateForm = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.\d+)?(?:Z|([+-])(\d{2}):?(\d{2}))$/;

/**
 * The moment that one of Apple's dates means, in any of the four forms that were seen: offset `+0000`, `-0700`,
 * `+02:00` or `Z`. Null for anything else, also for a day that no calendar has. Fractions of a second are dropped.
 */
export function parseAppleDate(text: string): Date | null {
  const [whole, day, time, sign, hours = '0', minutes = '0'] = dateForm.exec(text) ?? [];
  if (whole === undefined || Number(hours) > 23 || Number(minutes) > 59) return null;
  const local = Date.parse(`${day}T${time}Z`);
  // Date.parse takes 24:00, and on some engines 31 June: what does not print the same was no date.
  if (Number.isNaN(local) || !new Date(local).toISOString().startsWith(`${day}T${time}`)) return null;
  const offset = (Number(hours) * 60 + Number(minutes)) * 60_000;
  return new Date(sign === '-' ? local + offset : local - offset);
}
