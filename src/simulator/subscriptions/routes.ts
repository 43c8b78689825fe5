/** Which path below `/subscriptions` is which operation. @module */
import type { Answer, Call, Operation } from '../apple/call.ts';
import type { EventPlan } from '../apple/events.ts';
import { startSubscriptionEvent } from '../apple/manage.ts';
import { subscriptionPaths as at } from '../apple/paths.ts';
import {
  changeSubscriptionAdmins,
  listSubscriptionAdmins,
  listSubscriptionAssignments,
  listSubscriptions,
  switchSubscriptions,
} from './answers.ts';

type Reader = readonly [path: string, operation: Operation, answer: (call: Call) => Answer];

const lists: readonly Reader[] = [
  [at.list, 'getSubscriptions', listSubscriptions],
  [at.assignments, 'getSubscriptionAssignments', listSubscriptionAssignments],
  [at.admins, 'getSubscriptionAdmins', listSubscriptionAdmins],
];

type Writer = readonly [path: string, operation: Operation, answer: (call: Call, plan?: EventPlan) => Answer];

const writes: readonly Writer[] = [
  [at.enable, 'enableSubscriptions', (call) => switchSubscriptions(call, true)],
  [at.disable, 'disableSubscriptions', (call) => switchSubscriptions(call, false)],
  [at.associate, 'associateSubscriptions', (call, plan) => startSubscriptionEvent(call, 'ASSOCIATE', plan)],
  [at.disassociate, 'disassociateSubscriptions', (call, plan) => startSubscriptionEvent(call, 'DISASSOCIATE', plan)],
  [at.addAdmins, 'addSubscriptionAdmins', (call) => changeSubscriptionAdmins(call, true)],
  [at.removeAdmins, 'removeSubscriptionAdmins', (call) => changeSubscriptionAdmins(call, false)],
];

/** Every operation on subscriptions. */
export const subscriptionRoutes = [
  ...lists.map(([path, operation, answer]) => ({ method: 'GET' as const, path, operation, answer })),
  ...writes.map(([path, operation, answer]) => ({ method: 'POST' as const, path, operation, answer })),
];
