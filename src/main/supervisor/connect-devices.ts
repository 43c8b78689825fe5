/** Lets a sandbox drive the devices of its simulator: connects their MDM server, and tells that one where Russet listens. @module */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../../lib/logger.ts';

/** What it works with. */
export interface SandboxAddresses {
  graphqlUrl: string;
  apiKey: string;
  simulatorUrl: string;
  dataDirectory: string;
  logger: Logger;
}

interface Access {
  baseUrl: string;
  apiKey: string;
}

interface Connected {
  mdm: { baseUrl: string | null; webhook: { path: string } | null } | null;
}

const connection = '{ mdm { baseUrl webhook { path } } }';

/** Connects them once and tells the simulator each time. A sandbox without them is one all the same. */
export async function connectDevices(sandbox: SandboxAddresses): Promise<void> {
  try {
    await connect(sandbox);
  } catch (error) {
    sandbox.logger.warn({ error }, 'the simulated devices could not be connected');
  }
}

async function connect(sandbox: SandboxAddresses): Promise<void> {
  const hmacKey = keptKey(join(sandbox.dataDirectory, 'mdm-hmac.key'));
  const access = await askSimulator<Access>(sandbox, 'mdm.access');
  const mark = join(sandbox.dataDirectory, 'mdm-connected');
  const { mdm: known } = await ask<Connected>(sandbox, connection);
  // Whoever removed the connection, or made another one, is not overruled at the next start.
  const isFirst = known === null && !existsSync(mark);
  const isOurs = known !== null && existsSync(mark) && known.baseUrl === readFileSync(mark, 'utf8');
  if (!isFirst && !isOurs) return;
  const { baseUrl, apiKey } = access;
  if (isFirst) {
    const input = { kind: 'NANOMDM', name: 'Simulated devices', baseUrl, apiKey, hmacKey };
    await mutate(sandbox, 'connectMdm', 'ConnectMdmInput', input);
  } else if (known?.baseUrl !== baseUrl) {
    // The simulator listens on another port than last time.
    await mutate(sandbox, 'updateMdm', 'UpdateMdmInput', { baseUrl, apiKey });
  }
  writeFileSync(mark, baseUrl);
  const { mdm } = isFirst ? await ask<Connected>(sandbox, connection) : { mdm: known };
  if (!mdm?.webhook) return;
  const webhookUrl = new URL(mdm.webhook.path, sandbox.graphqlUrl).href;
  await askSimulator(sandbox, 'setOptions', { mdm: { webhookUrl, webhookHmacKey: hmacKey } });
  // What the devices told before nobody heard.
  if (isFirst) await askSimulator(sandbox, 'fleet.act', { act: { kind: 'reenroll', keepsApps: true } });
}

/** A refusal is tried again at the next start. */
async function mutate(sandbox: SandboxAddresses, name: string, type: string, input: object): Promise<void> {
  const document = `mutation ($input: ${type}!) { ${name}(input: $input) { __typename ... on UserError { code message } } }`;
  const answer = await ask<Record<string, { code?: string; message?: string }>>(sandbox, document, { input });
  const { code, message } = answer[name]!;
  if (code) throw new Error(`${code}: ${message}`);
}

function keptKey(path: string): string {
  if (!existsSync(path)) writeFileSync(path, randomBytes(32).toString('base64'), { mode: 0o600 });
  return readFileSync(path, 'utf8').trim();
}

async function ask<Data>({ graphqlUrl, apiKey }: SandboxAddresses, query: string, variables?: object): Promise<Data> {
  const response = await fetch(graphqlUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${apiKey}` },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await response.json()) as { data?: Data; errors?: { message: string }[] };
  if (errors?.[0] || !data) throw new Error(errors?.[0]?.message ?? 'no answer');
  return data;
}

async function askSimulator<Answer>(
  { simulatorUrl }: SandboxAddresses,
  verb: string,
  body: object = {},
): Promise<Answer> {
  const response = await fetch(`${simulatorUrl}/_admin/${verb}`, { method: 'POST', body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${verb}: ${await response.text()}`);
  return (await response.json()) as Answer;
}
