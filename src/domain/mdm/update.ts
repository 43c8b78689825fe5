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

/**
 * Changes the connection. Where it is called otherwise than before, that is tried first, and only then the server's
 * version is known. Throws MDM_NOT_CONNECTED, MDM_UNAVAILABLE.
 */
export async function updateMdm(context: Context, rawInput: UpdateMdmInput): Promise<{ version: string | null }> {
  requireRight(context, 'mdm:write');
  const input = parseInput(schema, rawInput);
  const before = await presentConnection(context);
  if (!before) throw new MdmNotConnectedError();
  fields.requireUse(before.kind, input);
  const { name = before.name, push = before.push } = input;
  const webhookId = input.newWebhook ? randomUUID() : before.webhookId;
  const { version, ...server } = await reached(context, before, input, webhookId);
  const updatedAt = context.clock.now();
  await transaction(context, async (tx) => {
    const { organizationId, id, updatedAt: seen } = await lockConnection(context, tx);
    if (id !== before.id || seen.getTime() !== before.updatedAt.getTime()) throw changedMeanwhile();
    const data = { name, push, webhookId, ...server, updatedAt };
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

/** What is new of how it is called, and of what is sealed. */
async function reached(context: Context, before: Connection, input: z.output<typeof schema>, webhookId: string) {
  if (before.kind !== 'NANOMDM') return { version: null };
  const tried = isCalledOtherwise(before, input) ? await tryAnew(context, before, input) : { version: null };
  const reseals = input.apiKey !== undefined || input.hmacKey !== undefined || webhookId !== before.webhookId;
  return { ...tried, ...(reseals && (await sealAnew(context, before, input, webhookId))) };
}

/** A new name, another webhook or HMAC key are no affair of the server: it may be away meanwhile. */
function isCalledOtherwise(before: Connection, input: z.output<typeof schema>): boolean {
  const { baseUrl = before.baseUrl, pathPrefix = before.pathPrefix, userName = before.userName } = input;
  const moved = baseUrl !== before.baseUrl || pathPrefix !== before.pathPrefix || userName !== before.userName;
  return moved || input.apiKey !== undefined;
}

async function tryAnew(context: Context, before: Connection, input: z.output<typeof schema>) {
  const { baseUrl = before.baseUrl!, pathPrefix = before.pathPrefix!, userName = before.userName! } = input;
  const elsewhere = new URL(baseUrl).origin !== new URL(before.baseUrl!).origin;
  // A stored key is not sent to a host that it was not given for.
  if (elsewhere && input.apiKey === undefined)
    throw new InvalidInputError([{ path: ['apiKey'], message: 'must be given again for another server' }]);
  const access = { baseUrl, pathPrefix, userName, apiKey: await apiKeyOf(context, before, input) };
  const { version } = await prove(context, access);
  // It is used at once, whatever it did before.
  const fresh = { attempts: 0, problem: Prisma.DbNull, blockedUntil: null, answeredAt: context.clock.now() };
  return { version, baseUrl, pathPrefix, userName, ...fresh };
}

/** Both together: they are under one key then, and bound to the webhook's id. */
async function sealAnew(context: Context, before: Connection, input: z.output<typeof schema>, webhookId: string) {
  const apiKey = await apiKeyOf(context, before, input);
  const hmacKey = input.hmacKey === undefined ? await hmacOf(context, before) : input.hmacKey;
  return sealSecrets(context, webhookId, { apiKey, hmacKey });
}

async function apiKeyOf(context: Context, before: Connection, { apiKey }: { apiKey?: string | undefined }) {
  return apiKey ?? context.secrets.open(before.apiKeyJwe!, mdmSecretRow(before.webhookId, 'api-key'));
}

function hmacOf(context: Context, { hmacKeyJwe, webhookId }: Connection): Promise<string> | null {
  return hmacKeyJwe === null ? null : context.secrets.open(hmacKeyJwe, mdmSecretRow(webhookId, 'hmac-key'));
}
