/** Control over HTTP: `/_admin/<verb>`, JSON in and out, from this machine only. @module */
import { z } from 'zod';
import { fleetPayloads } from './admin-fleet-schemas.ts';
import { payloads } from './admin-schemas.ts';
import type { SimulatorAdmin } from './admin-types.ts';
import { adminPath } from './apple/paths.ts';
import { faultOrder } from './fault-schemas.ts';
import { optionsPatch } from './options-schema.ts';

/** One request to the admin routes. */
export interface AdminRequest {
  /** What follows `/_admin/`; `faults/add` and `faults.add` are the same. */
  verb: string;
  /** Address of the caller. */
  address: string;
  query: URLSearchParams;
  body: string;
}

/** Answers one request to the admin routes. */
export type AdminRoutes = (request: AdminRequest) => Promise<{ status: number; body: unknown }>;

type Handler = (input: unknown) => unknown;

/** Whether a path belongs to the admin routes. */
export function isAdminPath(path: string): boolean {
  return path === adminPath || path.startsWith(`${adminPath}/`);
}

/** Builds the routes over the verbs. Wrong payloads and names are 400, unknown verbs 404. */
export function createAdminRoutes(admin: SimulatorAdmin): AdminRoutes {
  const handlers = handlersOf(admin);
  return async ({ verb, address, query, body }) => {
    if (!isLoopback(address)) return { status: 403, body: { error: 'the admin routes are for this machine only' } };
    const handler = handlers[verb.replace('/', '.')];
    if (!handler) return { status: 404, body: { error: `unknown verb ${verb}`, verbs: Object.keys(handlers) } };
    try {
      const input: unknown = body.trim() === '' ? Object.fromEntries(query) : JSON.parse(body);
      return { status: 200, body: (await handler(input)) ?? { ok: true } };
    } catch (error) {
      return { status: 400, body: { error: messageOf(error) } };
    }
  };
}

function handlersOf(admin: SimulatorAdmin): Record<string, Handler> {
  return {
    loadScenario: takes(payloads.loadScenario, (input) => admin.loadScenario(input)),
    reset: () => admin.reset(),
    tokens: () => admin.tokens(),
    tokenFile: takes(payloads.tokenFile, ({ name }) => ({ text: admin.tokenFile(name) })),
    issueToken: takes(payloads.issueToken, (input) => admin.issueToken(input)),
    revokeToken: takes(payloads.revokeToken, ({ name }) => admin.revokeToken(name)),
    purchase: takes(payloads.purchase, (input) => admin.purchase(input)),
    refund: takes(payloads.refund, (input) => admin.refund(input)),
    transfer: takes(payloads.transfer, (input) => admin.transfer(input)),
    setAsset: takes(payloads.setAsset, (input) => admin.setAsset(input)),
    addAsset: takes(payloads.addAsset, (input) => admin.addAsset(input)),
    removeAsset: takes(payloads.removeAsset, (input) => admin.removeAsset(input)),
    assign: takes(payloads.seat, (input) => admin.assign(input)),
    unassign: takes(payloads.seat, (input) => admin.unassign(input)),
    setMdmInfo: takes(payloads.setMdmInfo, (input) => admin.setMdmInfo(input)),
    setUser: takes(payloads.setUser, (input) => admin.setUser(input)),
    acceptInvitation: takes(payloads.acceptInvitation, (input) => admin.acceptInvitation(input)),
    setMetadata: takes(payloads.setMetadata, (input) => admin.setMetadata(input)),
    publishVersion: takes(payloads.publishVersion, (input) => admin.publishVersion(input)),
    options: () => admin.options(),
    setOptions: takes(optionsPatch, (input) => admin.setOptions(input)),
    'faults.add': takes(faultOrder, (input) => admin.faults.add(input)),
    'faults.list': () => admin.faults.list(),
    'faults.clear': takes(payloads.clearFaults, ({ id }) => admin.faults.clear(id)),
    journal: takes(payloads.journal, (input) => admin.journal(input)),
    clearJournal: () => admin.clearJournal(),
    deliveries: takes(payloads.deliveries, (input) => admin.deliveries(input)),
    clearDeliveries: () => admin.clearDeliveries(),
    pauseDeliveries: () => admin.pauseDeliveries(),
    resumeDeliveries: () => admin.resumeDeliveries(),
    deliverDue: () => admin.deliverDue(),
    deliver: takes(payloads.deliver, (input) => admin.deliver(input)),
    dropDeliveries: takes(payloads.dropDeliveries, (input) => admin.dropDeliveries(input)),
    sendNotification: takes(payloads.sendNotification, (input) => admin.sendNotification(input)),
    advance: takes(payloads.advance, ({ milliseconds }) => admin.advance(milliseconds)),
    truth: takes(payloads.truth, (input) => admin.truth(input)),
    devices: () => admin.devices(),
    users: takes(payloads.users, (input) => admin.users(input)),
    subscriptions: takes(payloads.truth, (input) => admin.subscriptions(input)),
    buySubscription: takes(payloads.buySubscription, (input) => admin.buySubscription(input)),
    setSubscription: takes(payloads.setSubscription, (input) => admin.setSubscription(input)),
    giveSubscription: takes(payloads.giveSubscription, (input) => admin.giveSubscription(input)),
    catalog: () => admin.catalog(),
    developerKeys: () => admin.developerKeys(),
    addDeveloperKey: takes(payloads.addDeveloperKey, (input) => admin.addDeveloperKey(input)),
    createDeveloperKey: takes(payloads.createDeveloperKey, (input) => admin.createDeveloperKey(input)),
    'fleet.make': takes(fleetPayloads.make, (input) => admin.fleet.make(input)),
    'fleet.clear': () => admin.fleet.clear(),
    'fleet.useServer': takes(fleetPayloads.useServer, (input) => admin.fleet.useServer(input)),
    'fleet.authority': () => admin.fleet.authority(),
    'fleet.script': takes(fleetPayloads.script, (input) => admin.fleet.script(input)),
    'fleet.clearScripts': takes(fleetPayloads.clearScripts, (input) => admin.fleet.clearScripts(input)),
    'fleet.act': takes(fleetPayloads.act, (input) => admin.fleet.act(input)),
    'fleet.devices': takes(fleetPayloads.devices, (input) => admin.fleet.devices(input)),
    'fleet.state': () => admin.fleet.state(),
    'fleet.drive': () => admin.fleet.drive(),
    'mdm.access': () => admin.mdm.access(),
    'mdm.enrollments': () => admin.mdm.enrollments(),
    'mdm.queue': takes(payloads.mdmQueue, (input) => admin.mdm.queue(input)),
    'mdm.events': takes(payloads.mdmEvents, (input) => admin.mdm.events(input)),
    'mdm.settle': () => admin.mdm.settle(),
    'mdm.clear': () => admin.mdm.clear(),
    removeDeveloperKey: takes(payloads.removeDeveloperKey, (input) => admin.removeDeveloperKey(input)),
  };
}

function takes<Schema extends z.ZodType>(schema: Schema, run: (input: z.output<Schema>) => unknown): Handler {
  return (input) => run(schema.parse(input));
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.replace('::ffff:', '').startsWith('127.');
}

function messageOf(error: unknown): string {
  if (error instanceof z.ZodError) return z.prettifyError(error);
  return error instanceof Error ? error.message : String(error);
}
