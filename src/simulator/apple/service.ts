/** Answers one request to the service: faults, checks, the operation, faults again. @module */
import type { IncomingHttpHeaders } from 'node:http';
import { type JournalEntry, summarize } from '../journal.ts';
import type { Answer, Call } from './call.ts';
import { refusal } from './envelope.ts';
import { addedLatency, bendAnswer, disturbWorld, eventPlanOf, faultOf, orderedError } from './fault-effects.ts';
import type { Fault } from './faults.ts';
import { readPageIndex } from './paging.ts';
import { findRoute, type Route } from './routes.ts';
import { findToken } from './tokens.ts';
import { bearerOf, validate } from './validate.ts';
import type { World } from './world.ts';

/** A request whose body has been read. */
export interface RawRequest {
  method: string;
  url: URL;
  headers: IncomingHttpHeaders;
  body: string;
  /** The body as it came. */
  bytes: Buffer;
}

/** What to send, or that the connection is to be cut. */
export type Reply = { cut: true } | { cut: false; answer: Answer; html?: string; keepBytes?: number };

/** Answers a request, or says undefined when the service has nothing at that path. */
export async function serve(world: World, request: RawRequest): Promise<Reply | undefined> {
  const found = findRoute(request.method, request.url.pathname);
  if (!found) return undefined;
  world.settle();
  const call = readCall(world, request, found.route, found.allowed);
  const faults = world.faults.take({
    method: call.method,
    path: call.path,
    operation: call.operation,
    pageIndex: readPageIndex(call) ?? 0,
    ...(call.token ? { tokenName: call.token.name } : {}),
  });
  await holdBack(call, faults);
  const replied = replyTo(call, found.route, faults);
  // No needless await: what wakes as a clock is moved is in the journal before whoever moved it goes on.
  const reply = replied instanceof Promise ? await replied : replied;
  world.journal.add(describe(call, reply, faults));
  return reply;
}

function readCall(world: World, request: RawRequest, route: Route, allowedMethods: string[]): Call {
  const bearer = bearerOf(request.headers.authorization);
  const token = bearer === undefined ? undefined : findToken(world.tokens, bearer, world.options.bearerMatch);
  return {
    method: request.method,
    path: request.url.pathname,
    operation: route.operation,
    allowedMethods,
    headers: request.headers,
    query: request.url.searchParams,
    body: parse(request.body),
    token,
    unit: token && world.units.get(token.uId),
    now: world.now(),
    world,
  };
}

async function holdBack(call: Call, faults: readonly Fault[]): Promise<void> {
  const { world } = call;
  const wait = world.options.latencyMs + addedLatency(faults);
  if (wait === 0) return;
  await world.clock.sleep(wait);
  call.now = world.now();
  world.settle();
}

function replyTo(call: Call, route: Route, faults: readonly Fault[]): Reply | Promise<Reply> {
  const reset = faultOf(faults, 'reset');
  const html = faultOf(faults, 'html');
  const error = faultOf(faults, 'error');
  if (reset?.when === 'before') return { cut: true };
  if (error) return { cut: false, answer: orderedError(error, call) };
  if (html && html.when !== 'after') return gateway(html);
  disturbWorld(faults, call);
  const answered = perform(call, route, faults);
  const finish = (answer: Answer) => finishReply(call, faults, answer);
  return answered instanceof Promise ? answered.then(finish) : finish(answered);
}

function finishReply(call: Call, faults: readonly Fault[], answered: Answer): Reply {
  const html = faultOf(faults, 'html');
  const answer = bendAnswer(faults, answered, () => call.world.random.uuid());
  if (faultOf(faults, 'reset')) return { cut: true };
  if (html) return gateway(html);
  const truncate = faultOf(faults, 'truncate');
  return { cut: false, answer, ...(truncate ? { keepBytes: truncate.bytes ?? 20 } : {}) };
}

function perform(call: Call, route: Route, faults: readonly Fault[]): Answer | Promise<Answer> {
  const errorNumber = validate(call);
  return errorNumber === undefined ? route.answer(call, eventPlanOf(faults)) : refusal(call, errorNumber);
}

const gateway = ({ status = 502 }: { status?: number }): Reply => ({
  cut: false,
  answer: { status, body: null },
  html: gatewayPage,
});

const gatewayPage = '<html><head><title>502</title></head><body><h1>Bad Gateway</h1></body></html>';

function describe(call: Call, reply: Reply, faults: readonly Fault[]): Omit<JournalEntry, 'n'> {
  const body = summarize(call.body);
  const answered = reply.cut ? {} : ((reply.answer.body ?? {}) as { errorNumber?: number; eventId?: string });
  return {
    at: new Date(call.now).toISOString(),
    method: call.method,
    path: call.path,
    operation: call.operation,
    query: Object.fromEntries(call.query),
    status: reply.cut ? 0 : reply.answer.status,
    ...(body ? { body } : {}),
    ...(call.headers.cookie?.includes('itvt=') ? { cookie: true as const } : {}),
    ...(answered.errorNumber === undefined ? {} : { errorNumber: answered.errorNumber }),
    ...(answered.eventId === undefined ? {} : { eventId: answered.eventId }),
    ...(call.unit ? { uId: call.unit.uId } : {}),
    ...(faults.length > 0 ? { faults: faults.map((fault) => fault.kind) } : {}),
  };
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
