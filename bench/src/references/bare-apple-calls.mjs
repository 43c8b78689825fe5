/** The calls to Apple alone: the same writes, and their status until they are done. No database, nothing kept. @module */
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * @param {string} baseUrl of the simulator @param {string} bearer
 * @param {{ adamIds: string[], serialNumbers: string[], perCall: number }} wish
 * @returns {Promise<number>} licenses a second
 */
export async function associateBare(baseUrl, bearer, { adamIds, serialNumbers, perCall }) {
  const headers = { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' };
  const assets = adamIds.map((adamId) => ({ adamId, pricingParam: 'STDQ' }));
  const began = performance.now();
  for (let from = 0; from < serialNumbers.length; from += perCall) {
    const body = JSON.stringify({ assets, serialNumbers: serialNumbers.slice(from, from + perCall) });
    const { eventId } = await answer(`${baseUrl}/mdm/v2/assets/associate`, { method: 'POST', headers, body });
    while ((await answer(`${baseUrl}/mdm/v2/status?eventId=${eventId}`, { headers })).eventStatus === 'PENDING')
      await sleep(20);
  }
  return (adamIds.length * serialNumbers.length * 1000) / (performance.now() - began);
}

/** @param {string} url @param {RequestInit} init @returns {Promise<any>} */
async function answer(url, init) {
  const response = await fetch(url, init);
  const body = await response.json();
  if (!response.ok || body.errorNumber) throw new Error(`${url} answered ${response.status}: ${JSON.stringify(body)}`);
  return body;
}
