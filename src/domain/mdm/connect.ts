/** Connects an organization to the MDM server that its devices are enrolled at. @module */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import { wakeDevices } from '../command/wake.ts';
import type { Context } from '../context.ts';
import { MdmAlreadyConnectedError } from '../errors.ts';
import { parseInput } from '../parse.ts';
import { presentConnection } from './find.ts';
import * as fields from './input.ts';
import { prove } from './prove.ts';
import { sealSecrets } from './secrets.ts';

const schema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('NANOMDM'),
    name: fields.name.default('NanoMDM'),
    server: z.enum(['NANOMDM', 'NANOHUB']).default('NANOMDM'),
    baseUrl: fields.baseUrl,
    pathPrefix: fields.pathPrefix.optional(),
    userName: fields.userName.optional(),
    apiKey: fields.secret,
    hmacKey: fields.secret.optional(),
    push: z.boolean().default(true),
  }),
  z.object({ kind: z.literal('GRAPHQL'), name: fields.name.default('MDM server') }),
]);

/** Input of {@link connectMdm}. `server` gives prefix and user where they are absent. */
export type ConnectMdmInput = z.input<typeof schema>;

/**
 * Connects the organization. A server that Russet calls is tried before anything is stored. Throws MDM_ALREADY_CONNECTED,
 * MDM_UNAVAILABLE. Gives the server's version where it tells one.
 */
export async function connectMdm(context: Context, rawInput: ConnectMdmInput): Promise<{ version: string | null }> {
  requireRight(context, 'mdm:write');
  const input = parseInput(schema, rawInput);
  fields.requireUse(input.kind, rawInput);
  if (await presentConnection(context)) throw new MdmAlreadyConnectedError();
  const webhookId = randomUUID();
  const { version, ...server } = input.kind === 'NANOMDM' ? await reach(context, webhookId, input) : { version: null };
  const now = context.clock.now();
  const { organizationId } = context.actor;
  await transaction(context, async (tx) => {
    // Two who connect at once wait here for each other.
    await tx.$executeRaw`SELECT 1 FROM organization WHERE id = ${organizationId} FOR NO KEY UPDATE`;
    if ((await tx.mdmConnection.count({ where: { organizationId, removedAt: null } })) > 0)
      throw new MdmAlreadyConnectedError();
    const { kind, name } = input;
    const { id } = await tx.mdmConnection.create({
      data: { organizationId, kind, name, webhookId, ...server, createdAt: now, updatedAt: now },
    });
    await wakeDevices(tx, organizationId);
    await recordAudit(context, tx, { action: 'mdm.connect', subject: `mdm:${id}`, data: { kind } });
  });
  return { version };
}

type Reached = Extract<z.output<typeof schema>, { kind: 'NANOMDM' }>;

async function reach(context: Context, webhookId: string, input: Reached) {
  const { baseUrl, apiKey, hmacKey = null, push } = input;
  const { pathPrefix, userName } = { ...fields.servers[input.server], ...withoutUndefined(input) };
  const { version } = await prove(context, { baseUrl, pathPrefix, userName, apiKey });
  const sealed = await sealSecrets(context, webhookId, { apiKey, hmacKey });
  return { version, baseUrl, pathPrefix, userName, push, answeredAt: context.clock.now(), ...sealed };
}

function withoutUndefined({ pathPrefix, userName }: Reached): { pathPrefix?: string; userName?: string } {
  return { ...(pathPrefix !== undefined && { pathPrefix }), ...(userName !== undefined && { userName }) };
}
