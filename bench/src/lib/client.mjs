/**
 * An operation as a request.
 * @param {string} url
 * @param {string | null} key API key, where one is needed
 * @param {string} query
 * @param {Record<string, unknown>} [variables]
 * @returns {import('./load.mjs').Target}
 */
export function operation(url, key, query, variables) {
  return { url, headers: key ? { authorization: `Bearer ${key}` } : {}, body: JSON.stringify({ query, variables }) };
}

/**
 * Sends it once. Gives the answer as text; throws when it has errors.
 * @param {import('./load.mjs').Target} target
 * @returns {Promise<string>}
 */
export async function sendOnce({ url, headers, body }) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
  const text = await response.text();
  if (response.status !== 200 || JSON.parse(text).errors)
    throw new Error(`${url} answered ${response.status}: ${text}`);
  return text;
}

/**
 * The data of an answer.
 * @param {import('./load.mjs').Target} target
 * @returns {Promise<any>}
 */
export const ask = async (target) => JSON.parse(await sendOnce(target)).data;

let count = 0;

/**
 * The operation with a variable more that nothing uses, another one each time: no answer is given from a memory.
 * @param {import('./load.mjs').Target} target
 * @returns {import('./load.mjs').Target}
 */
export function unlikeBefore({ body, ...target }) {
  const { variables, ...rest } = JSON.parse(body);
  return { ...target, body: JSON.stringify({ ...rest, variables: { ...variables, nonce: ++count } }) };
}
