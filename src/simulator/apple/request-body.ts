/** Reads the bodies of the writes; a wrong shape is told apart from an absent field. @module */
import type { MdmInfo, PricingParam } from '../scenarios/types.ts';
import type { Call } from './call.ts';
import type { AssetRef, UserOrder } from './events.ts';
import type { Target } from './organizational-unit.ts';

/** The body as fields; a body that is no object has none. */
export function fieldsOf(call: Call): Record<string, unknown> {
  return isObject(call.body) ? call.body : {};
}

/** The assets of a write, with the default pricing. */
export function assetsOf(call: Call): AssetRef[] {
  return listOf(fieldsOf(call).assets).map((asset) => {
    const { adamId, pricingParam } = asset as { adamId: string; pricingParam?: PricingParam };
    return { adamId, pricingParam: pricingParam ?? 'STDQ' };
  });
}

/** The serial numbers of a write, as the options normalize them. */
export function serialsOf(call: Call): string[] {
  const serials = listOf(fieldsOf(call).serialNumbers) as string[];
  return call.world.options.normalizeSerialNumbers ? serials.map((serial) => serial.trim().toUpperCase()) : serials;
}

/** The users of a write. */
export function usersOf(call: Call): string[] {
  return listOf(fieldsOf(call).clientUserIds) as string[];
}

/** The users that a write creates, updates or retires. */
export function userOrdersOf(call: Call): UserOrder[] {
  return listOf(fieldsOf(call).users).map((user) => {
    const { clientUserId, email, managedAppleId } = user as { [Field in keyof UserOrder]: UserOrder[Field] | null };
    return {
      clientUserId: clientUserId as string,
      ...(typeof email === 'string' ? { email } : {}),
      ...(typeof managedAppleId === 'string' ? { managedAppleId } : {}),
    };
  });
}

/** Users first, then serial numbers: the order in which tasks run. */
export function targetsOf(call: Call): Target[] {
  return [
    ...usersOf(call).map((id): Target => ({ kind: 'clientUserId', id })),
    ...serialsOf(call).map((id): Target => ({ kind: 'serialNumber', id })),
  ];
}

/** The claim in `POST /client/config`, whatever is missing in it. */
export function mdmInfoOf(call: Call): Partial<MdmInfo> | undefined {
  const { mdmInfo } = fieldsOf(call);
  return isObject(mdmInfo) ? (mdmInfo as Partial<MdmInfo>) : undefined;
}

/** A text field, or undefined. */
export function textOf(call: Call, field: string): string | undefined {
  const value = fieldsOf(call)[field];
  return typeof value === 'string' ? value : undefined;
}

/** Whether every known field that is there has its type. */
export function isWellFormed(call: Call): boolean {
  if (!isObject(call.body)) return false;
  const { assets, serialNumbers, clientUserIds, mdmInfo, notificationTypes, users } = call.body;
  return (
    isListOf(assets, isAsset) &&
    isListOf(users, isUserOrder) &&
    [serialNumbers, clientUserIds, notificationTypes].every((list) => isListOf(list, isText)) &&
    (mdmInfo === undefined || mdmInfo === null || isObject(mdmInfo)) &&
    ['notificationUrl', 'notificationAuthToken'].every((field) => isAbsent(fieldsOf(call)[field], isText))
  );
}

function isAsset(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { adamId, pricingParam } = value;
  return isText(adamId) && isAbsent(pricingParam, (text) => text === 'STDQ' || text === 'PLUS');
}

function isUserOrder(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { clientUserId, email, managedAppleId } = value;
  return isText(clientUserId) && clientUserId !== '' && isAbsent(email, isText) && isAbsent(managedAppleId, isText);
}

function isListOf(value: unknown, isElement: (element: unknown) => boolean): boolean {
  return isAbsent(value, (list) => Array.isArray(list) && list.every(isElement));
}

function isAbsent(value: unknown, orElse: (present: unknown) => boolean): boolean {
  return value === undefined || value === null || orElse(value);
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
