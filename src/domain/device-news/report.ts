/** What an MDM server that Russet does not call brings back: answers, app lists, and who is enrolled. @module */
import { z } from 'zod';
import { type Tx, transaction } from '../../db/transaction.ts';
import { cleanText } from '../../lib/clean-text.ts';
import { requireRight } from '../access/rights.ts';
import { type AuditAction, recordAudit } from '../audit/record.ts';
import { lockGraphqlConnection } from '../command/lease.ts';
import type { Context } from '../context.ts';
import type { DeviceNews } from '../mdm-ports.ts';
import { parseInput } from '../parse.ts';
import { hashOf } from './receive.ts';
import { insertNews } from './store.ts';

/** What a device told, as the database can keep it. */
const told = (longest: number) =>
  z
    .string()
    .max(longest)
    .transform((value) => cleanText(value, longest));
const name = z
  .string()
  .trim()
  .min(1)
  .max(255)
  .transform((value) => cleanText(value, 255));
/** An empty text says nothing, and is kept as nothing is. */
const text = told(1_000)
  .nullish()
  .transform((value) => value || null);
const at = z.date().nullish();
const type = z
  .enum(['DEVICE', 'USER'])
  .nullish()
  .transform((value) => value ?? 'DEVICE');
const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? null);

const appSchema = z.object({
  bundleId: name,
  name: text,
  version: text,
  shortVersion: text,
  externalVersionId: text,
  hasUpdate: flag,
  deviceLicense: flag,
  installing: z
    .boolean()
    .nullish()
    .transform((value) => value ?? false),
  downloadFailed: z
    .boolean()
    .nullish()
    .transform((value) => value ?? false),
});
const managedSchema = z.object({ bundleId: name, status: name, externalVersionId: text });
const optional = <Type extends z.ZodType>(schema: Type) => schema.nullish().transform((value) => value ?? undefined);
const factsSchema = z.object({
  serialNumber: optional(
    z
      .string()
      .trim()
      .regex(/^[\x21-\x7e]{1,64}$/, 'must be a serial number'),
  ),
  name: optional(told(255)),
  osVersion: optional(told(64)),
  productName: optional(told(64)),
  modelName: optional(told(64)),
  supervised: optional(z.boolean()),
  awaitingConfiguration: optional(z.boolean()),
  timeZone: optional(told(64)),
  storeAccountHash: optional(told(255)),
  storeAccountActive: optional(z.boolean()),
});
const apps = z.array(appSchema).max(5_000).nullish();

const reportSchema = z.object({
  enrollmentId: name,
  type,
  commandUuid: name,
  at,
  status: z.enum(['DELIVERED', 'REFUSED', 'NOT_NOW', 'ACKNOWLEDGED', 'FAILED', 'MALFORMED']),
  reason: text,
  errors: z
    .array(z.object({ domain: told(255), number: z.number().int(), message: told(2_000) }))
    .max(50)
    .nullish(),
  apps,
  managedApps: z.array(managedSchema).max(5_000).nullish(),
  facts: factsSchema.nullish(),
  app: z.object({ bundleId: text, state: text, rejectionReason: text }).nullish(),
  invitation: text,
});
const inventorySchema = z.object({
  enrollmentId: name,
  type,
  at,
  apps,
  complete: z.boolean().nullish(),
  facts: factsSchema.nullish(),
});
const enrollmentSchema = z.object({
  enrollmentId: name,
  type,
  at,
  event: z.enum(['ENROLLED', 'PRESENT', 'GONE']),
  facts: factsSchema.nullish(),
});

/** Most devices or answers in one report. */
const most = 1_000;
const commandsInput = z.object({ reports: z.array(reportSchema).min(1).max(most) });
const inventoryInput = z.object({ devices: z.array(inventorySchema).min(1).max(most) });
const enrollmentsInput = z.object({ enrollments: z.array(enrollmentSchema).min(1).max(most) });

/** What was taken in. It is stored now and applied at once behind it. */
export interface Reported {
  accepted: number;
}

/** Answers to commands. Throws INVALID_INPUT, and NOT_FOUND without a connection of the kind GRAPHQL. */
export function reportCommands(context: Context, rawInput: z.input<typeof commandsInput>): Promise<Reported> {
  requireRight(context, 'commands:write');
  const { reports } = parseInput(commandsInput, rawInput);
  return take(context, 'device-command.report', reports.map(answerOf));
}

/** App lists and facts that nobody asked for. */
export function reportInventory(context: Context, rawInput: z.input<typeof inventoryInput>): Promise<Reported> {
  requireRight(context, 'commands:write');
  const { devices } = parseInput(inventoryInput, rawInput);
  return take(
    context,
    'device.report',
    devices.map(({ apps, complete, facts, ...device }) => {
      const news = { kind: 'INVENTORY' as const, apps: apps ?? null, complete: complete ?? true, facts: facts ?? null };
      return { ...addressed(device), ...news } as DeviceNews;
    }),
  );
}

/** Which devices are enrolled, and which are not any more. */
export function reportEnrollments(context: Context, rawInput: z.input<typeof enrollmentsInput>): Promise<Reported> {
  requireRight(context, 'commands:write');
  const { enrollments } = parseInput(enrollmentsInput, rawInput);
  return take(context, 'device.report', enrollments.flatMap(enrollmentNews));
}

function addressed({
  enrollmentId,
  type,
  at,
}: {
  enrollmentId: string;
  type: 'DEVICE' | 'USER';
  at?: Date | null | undefined;
}) {
  return { enrollmentId, type, ...(at && { at: at.toISOString() }) };
}

function answerOf(report: z.output<typeof reportSchema>): DeviceNews {
  const { status, commandUuid, reason, errors, apps, managedApps, facts, app, invitation } = report;
  const head = { ...addressed(report), commandUuid };
  if (status === 'DELIVERED' || status === 'NOT_NOW') return { ...head, kind: status };
  if (status === 'REFUSED') return { ...head, kind: status, reason: reason ?? 'not handed on' };
  const result = {
    errors: errors ?? [],
    ...(apps && { apps }),
    ...(managedApps && { managedApps }),
    ...(facts && { facts }),
    ...(app && { app }),
    ...(invitation !== null && { invitation }),
  };
  return { ...head, kind: 'ANSWERED', status, result } as DeviceNews;
}

function enrollmentNews({ event, facts, ...device }: z.output<typeof enrollmentSchema>): DeviceNews[] {
  const head = addressed(device);
  if (event === 'GONE') return [{ ...head, kind: 'CHECKED_OUT' }];
  const reachable: DeviceNews = {
    ...head,
    kind: 'REACHABLE',
    fresh: event === 'ENROLLED',
    awaitingConfiguration: null,
  };
  if (event === 'ENROLLED') return [{ ...head, kind: 'AUTHENTICATED', facts: facts ?? {} } as DeviceNews, reachable];
  const told = { ...head, kind: 'INVENTORY' as const, apps: null, complete: false, facts: facts ?? null };
  return facts ? [reachable, told as DeviceNews] : [reachable];
}

function take(context: Context, action: AuditAction, news: readonly DeviceNews[]): Promise<Reported> {
  return transaction(context, async (tx: Tx) => {
    const connectionId = await lockGraphqlConnection(context, tx);
    const { organizationId } = context.actor;
    const rows = news.map((one) => ({ organizationId, connectionId, news: one, hash: hashOf({ news: one }) }));
    await insertNews(tx, rows, context.clock.now());
    await recordAudit(context, tx, { action, data: { news: news.length } });
    return { accepted: news.length };
  });
}
