/** Changes how an MDM server is called, e.g. because its key was replaced. @module */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { transaction } from '../../db/transaction.ts';
import { Prisma } from '../../generated/prisma/client.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import { wakeDevices } from '../command/wake.ts';
import type { Context } from '../context.ts';
import { InvalidInputError, MdmNotConnectedError } from '../errors.ts';
import { parseInput } from '../parse.ts';
import { type Connection, lockConnection, presentConnection } from './find.ts';
import * as fields from './input.ts';
import { prove } from './prove.ts';
import { mdmSecretRow, sealSecrets } from './secrets.ts';

const schema = z.object({
  name: fields.name.optional(),
  baseUrl: fields.baseUrl.optional(),
  pathPrefix: fields.pathPrefix.optional(),
  userName: fields.userName.optional(),
  apiKey: fields.secret.optional(),
  hmacKey: fields.secret.nullish(),
  push: z.boolean().optional(),
  newWebhook: z.boolean().optional(),
});

/** Input of {@link updateMdm}; an absent field is kept. `hmacKey: null` takes what is posted unsigned. */
export type UpdateMdmInput = z.input<typeof schema>;

/** Changes the connection; what is called is tried before. Throws MDM_NOT_CONNECTED, MDM_UNAVAILABLE. */
export async function updateMdm(context: Context, rawInput: UpdateMdmInput): Promise<{ version: string | null }> {
  requireRight(context, 'mdm:write');
  const input = parseInput(schema, rawInput);
  const before = await presentConnection(context);
  if (!before) throw new MdmNotConnectedError();
  const { name = before.name, push = before.push } = input;
  const webhookId = input.newWebhook ? randomUUID() : before.webhookId;
  const { version, ...server } = await reached(context, before, input, webhookId);
  const updatedAt = context.clock.now();
  await transaction(context, async (tx) => {
    const { organizationId, id, updatedAt: seen } = await lockConnection(context, tx);
    if (id !== before.id || seen.getTime() !== before.updatedAt.getTime()) throw changedMeanwhile();
    // A server that could not be used is tried again at once.
    const fresh = { attempts: 0, problem: Prisma.DbNull, blockedUntil: null };
    const data = { name, push, webhookId, ...server, ...fresh, updatedAt };
    await tx.mdmConnection.update({ where: { organizationId_id: { organizationId, id } }, data });
    await wakeDevices(tx, organizationId);
    const changed = Object.keys(input).filter((key) => input[key as keyof typeof input] !== undefined);
    await recordAudit(context, tx, { action: 'mdm.update', subject: `mdm:${id}`, data: { changed } });
  });
  return { version };
}

const changedMeanwhile = () =>
  new InvalidInputError([
    { path: [], message: 'somebody else changed the connection at the same time: look and try again' },
  ]);

/** All of it sealed anew: both secrets are under one key then, and bound to the webhook's new id. */
async function reached(context: Context, before: Connection, input: z.output<typeof schema>, webhookId: string) {
  if (before.kind !== 'NANOMDM') return { version: null };
  const { baseUrl = before.baseUrl!, pathPrefix = before.pathPrefix!, userName = before.userName! } = input;
  const apiKey =
    input.apiKey ?? (await context.secrets.open(before.apiKeyJwe!, mdmSecretRow(before.webhookId, 'api-key')));
  const access = { baseUrl, pathPrefix, userName, apiKey };
  const elsewhere = new URL(baseUrl).origin !== new URL(before.baseUrl!).origin;
  // A stored key is not sent to a host that it was not given for.
  if (elsewhere && input.apiKey === undefined)
    throw new InvalidInputError([{ path: ['apiKey'], message: 'must be given again for another server' }]);
  const { version } = await prove(context, access);
  const hmacKey = input.hmacKey === undefined ? await hmacOf(context, before) : input.hmacKey;
  const sealed = await sealSecrets(context, webhookId, { apiKey, hmacKey });
  return { version, baseUrl, pathPrefix, userName, answeredAt: context.clock.now(), ...sealed };
}

function hmacOf(context: Context, { hmacKeyJwe, webhookId }: Connection): Promise<string> | null {
  return hmacKeyJwe === null ? null : context.secrets.open(hmacKeyJwe, mdmSecretRow(webhookId, 'hmac-key'));
}
