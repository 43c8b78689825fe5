/** The writes that become events, and `GET /status`. @module */
import { flagOf, subscriptionIdsOf } from '../subscriptions/body.ts';
import { type Answer, type Call, unitOf } from './call.ts';
import { enveloped } from './envelope.ts';
import { type ErrorInfo, errorBody } from './errors.ts';
import type { AppleEvent, EventPlan, EventTask, EventType } from './events.ts';
import { assetsOf, targetsOf, userOrdersOf } from './request-body.ts';
import type { UserEventType } from './user-tasks.ts';

/** Takes `POST /assets/associate`, `/disassociate` or `/revoke` in as an event. */
export function startEvent(call: Call, type: 'ASSOCIATE' | 'DISASSOCIATE' | 'REVOKE', plan?: EventPlan): Answer {
  return accept(call, type === 'REVOKE' ? revokeEvent(call) : assetEvent(call, type), plan);
}

/** Takes `POST /users/create`, `/update` or `/retire` in as an event. */
export function startUserEvent(call: Call, type: UserEventType, plan?: EventPlan): Answer {
  const users = userOrdersOf(call);
  return accept(call, { ...emptyEvent(call, type), users, numRequested: users.length }, plan);
}

/** Takes `POST /subscriptions/associate` or `/disassociate` in as an event. */
export function startSubscriptionEvent(call: Call, type: 'ASSOCIATE' | 'DISASSOCIATE', plan?: EventPlan): Answer {
  const assets = subscriptionIdsOf(call).map((adamId) => ({ adamId, pricingParam: 'STDQ' as const }));
  const targets = targetsOf(call).filter((target) => target.kind === 'clientUserId');
  const subscription =
    type === 'ASSOCIATE' ? { renewing: flagOf(call, 'renewing', true) } : { deferred: flagOf(call, 'deferred', false) };
  const numRequested = assets.length * targets.length;
  return accept(call, { ...emptyEvent(call, type), assets, targets, subscription, numRequested }, plan);
}

function accept(call: Call, event: AppleEvent, plan: EventPlan | undefined): Answer {
  if (plan) event.plan = plan;
  call.world.engine.accept(event);
  call.world.changes++;
  return enveloped(call, { eventId: event.id });
}

/** Answers with how far an event is. */
export function readStatus(call: Call): Answer {
  const event = call.world.engine.get(call.query.get('eventId')!)!;
  return enveloped(call, describeEvent(event, call));
}

function describeEvent(event: AppleEvent, { world: { options } }: Call): object {
  const failures = Object.entries(event.failures).map(([errorNumber, info]) => ({
    ...errorBody(Number(errorNumber)),
    errorInfo: Object.fromEntries(Object.entries(infoOf(event, info)).filter(([, list]) => list.length > 0)),
  }));
  return {
    eventStatus: statusOf(event, options.partialFailureStatus),
    eventType: event.type,
    numRequested: event.numRequested,
    numCompleted: options.numCompletedCounts === 'all' ? event.processed : event.succeeded,
    ...(failures.length > 0 ? { failures } : {}),
  };
}

/** Subscriptions are named by number. */
function infoOf({ subscription }: AppleEvent, info: Required<ErrorInfo>): Record<string, unknown[]> {
  if (!subscription) return { ...info };
  return { adamIds: info.assets.map(({ adamId }) => Number(adamId)), clientUserIds: info.clientUserIds };
}

function statusOf(event: AppleEvent, partial: 'FAILED' | 'COMPLETE'): 'PENDING' | 'FAILED' | 'COMPLETE' {
  if (event.finishedAt === undefined) return 'PENDING';
  if (event.succeeded === event.numRequested) return 'COMPLETE';
  return event.succeeded === 0 ? 'FAILED' : partial;
}

function assetEvent(call: Call, type: EventType): AppleEvent {
  const assets = assetsOf(call);
  const targets = targetsOf(call);
  return { ...emptyEvent(call, type), assets, targets, numRequested: assets.length * targets.length };
}

/** A revoke touches what its targets hold when it is accepted, and of that only what can be taken back. */
function revokeEvent(call: Call): AppleEvent {
  const unit = unitOf(call);
  const pairs = targetsOf(call).flatMap((target): EventTask[] =>
    unit
      .heldBy(target)
      .filter((asset) => asset.revocable)
      .map(({ adamId, pricingParam }) => ({ asset: { adamId, pricingParam }, target })),
  );
  return { ...emptyEvent(call, 'REVOKE'), pairs, numRequested: pairs.length };
}

function emptyEvent(call: Call, type: EventType): AppleEvent {
  return {
    id: call.world.random.uuid(),
    uId: unitOf(call).uId,
    type,
    assets: [],
    targets: [],
    acceptedAt: call.now,
    numRequested: 0,
    processed: 0,
    succeeded: 0,
    failures: {},
  };
}
