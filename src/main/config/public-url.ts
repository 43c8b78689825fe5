/** The address under which Apple reaches the API. @module */

/** Longest address: Apple takes 512 characters, and ours adds the path of the webhook. */
const longest = 400;

/** The address without a slash at its end; null when none is set. What is wrong goes to `problems`. */
export function readPublicUrl(
  text: string | undefined,
  mode: 'SANDBOX' | 'PRODUCTION',
  problems: string[],
): string | null {
  if (!text) return null;
  const url = URL.canParse(text) ? new URL(text) : null;
  const plain = url && !url.search && !url.hash && !url.username && !url.password && text.length <= longest;
  if (!plain || !/^https?:$/.test(url.protocol)) {
    problems.push('PUBLIC_URL must be an address such as https://russet.example.org, without a query');
  } else if (mode === 'PRODUCTION' && url.protocol !== 'https:') {
    problems.push('PUBLIC_URL must begin with https:// in production: Apple posts to nothing else');
  }
  return text.replace(/\/+$/, '');
}
