/** Which addresses a token may be sent to. @module */

/** Whether the address is on this machine, where plain http crosses no network. */
export function isLoopback(url: URL): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
}

/**
 * The root that paths are resolved against, with a slash at its end.
 *
 * @throws RangeError when it is no address, or is plain http to another machine and `allowHttp` is not given.
 */
export function parseRoot(baseUrl: string, allowHttp = false): URL {
  if (!URL.canParse(baseUrl)) throw new RangeError('the base URL of Apple’s service is not a URL');
  const root = new URL(baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`);
  const safe = root.protocol === 'https:' || (root.protocol === 'http:' && (allowHttp || isLoopback(root)));
  if (!safe) throw new RangeError('the base URL of Apple’s service must be https (plain http only to this machine)');
  return root;
}
