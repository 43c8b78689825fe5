/** The load generator: autocannon in a process of its own, the same for both sides of a comparison. @module */
import autocannon from 'autocannon';
import { serveCalls } from './serve-calls.mjs';

/** Signs in with one key after the other. @param {string[]} keys */
const inTurn = (keys) => ({
  setupRequest: (/** @type {any} */ request) => ({
    ...request,
    headers: { ...request.headers, authorization: `Bearer ${keys[count++ % keys.length]}` },
  }),
});

/** Never the same again, in all runs of this process. */
let count = 0;

serveCalls(async ({ url, headers, body, connections, seconds, expect, variables, keys }) => {
  let wrong = 0;
  /** Each request has other variables than all before it. @param {any} sent */
  const differing = (sent) => {
    const { query } = JSON.parse(sent);
    return {
      setupRequest: (/** @type {any} */ request) => ({
        ...request,
        body: JSON.stringify({ query, variables: { ...variables[count % variables.length], nonce: count++ } }),
      }),
      onResponse: (/** @type {number} */ _status, /** @type {string} */ text) => {
        if (text.includes('"errors"') || text.length < 1_000) wrong += 1;
      },
    };
  };
  const result = await autocannon({
    url,
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
    connections,
    duration: seconds,
    ...(keys ? { requests: [inTurn(keys)] } : {}),
    ...(variables ? { requests: [differing(body)] } : {}),
    ...(expect ? { expectBody: expect } : {}),
  });
  const { errors, timeouts, non2xx, mismatches } = result;
  return {
    perSecond: result.requests.total / result.duration,
    requests: result.requests.total,
    failures: { errors, timeouts, non2xx, mismatches, wrong },
  };
});
