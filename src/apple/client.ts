/**
 * Apple's endpoints, one function each, named as Apple names them. They decide nothing: each is one exchange.
 * @see https://developer.apple.com/documentation/devicemanagement/app-book-and-subscription-management
 * @module
 */
import { z } from 'zod';
import type {
  AcceptedWrite,
  AssetRow,
  AssignmentRow,
  LibraryDescription,
  LibraryHolder,
  LibraryUser,
  LicenseWrite,
  Page,
  PageQuery,
  StoredSubscription,
  Subscription,
  UserWrite,
  WriteStatus,
} from '../domain/ports.ts';
import { assetRows, assignmentRows, unlimitedAssetRows } from './assets.ts';
import { pageFields, toPage, withQuery } from './pages.ts';
import { call, type Session } from './session.ts';
import { userRows } from './users.ts';
import { clientConfigAnswer, envelopeFields, id, list, optional, toEnvelope, wholeNumber } from './wire.ts';
import { appleError } from './write-failure.ts';

/** Client Config, GET. @see https://developer.apple.com/documentation/devicemanagement/client-config-4szk1 */
export function getClientConfig(session: Session, signal?: AbortSignal): Promise<LibraryDescription> {
  return call(session, {
    operation: 'Client Config',
    method: 'GET',
    url: new URL('client/config', session.root),
    answer: clientConfigAnswer,
    timeout: session.timeouts.config,
    signal,
  });
}

/**
 * Client Config, POST, with `mdmInfo` alone. Only success is read from the answer: some of Apple's samples leave the
 * description of the library out of it.
 */
export async function postClientConfig(session: Session, mdmInfo: LibraryHolder): Promise<void> {
  const { id, name, metadata } = mdmInfo;
  await call(session, {
    operation: 'Client Config (claim)',
    method: 'POST',
    url: new URL('client/config', session.root),
    body: { mdmInfo: { id, name, metadata } },
    answer: z.object({}),
    timeout: session.timeouts.config,
  });
}

/** The kinds of notification that Russet understands; others would only be stored. */
const notificationTypes = ['ASSET_COUNT', 'ASSET_MANAGEMENT', 'USER_ASSOCIATED', 'USER_MANAGEMENT'];
/** Newer ones, which Apple may not have everywhere: asked for, and not missed. */
const seatTypes = ['SUBSCRIPTION_COUNT', 'SUBSCRIPTION_MANAGEMENT'];

const subscriptionAnswer = z
  .object({
    ...envelopeFields,
    notificationUrl: optional(z.string()),
    notificationAuthToken: optional(z.string()),
    subscribedNotificationTypes: list(z.string()),
  })
  .transform(
    (answer): StoredSubscription => ({
      ...toEnvelope(answer),
      url: answer.notificationUrl,
      secret: answer.notificationAuthToken,
      complete: notificationTypes.every((type) => answer.subscribedNotificationTypes.includes(type)),
    }),
  );

/** Client Config, GET, for its subscription. */
export function getSubscription(session: Session): Promise<StoredSubscription> {
  return call(session, {
    operation: 'Client Config (notifications)',
    method: 'GET',
    url: new URL('client/config', session.root),
    answer: subscriptionAnswer,
    timeout: session.timeouts.config,
  });
}

/**
 * Client Config, POST, with the whole document: Apple does not say whether what is left out stays (fact sheet §5). It
 * calls the webhook before it answers, so this takes longer than other calls.
 */
export async function postSubscription(
  session: Session,
  { id, name, metadata }: LibraryHolder,
  { url, secret, seats = true }: Subscription,
): Promise<void> {
  await call(session, {
    operation: 'Client Config (subscribe)',
    method: 'POST',
    url: new URL('client/config', session.root),
    body: {
      mdmInfo: { id, name, metadata },
      notificationUrl: url,
      notificationAuthToken: secret,
      notificationTypes: seats ? [...notificationTypes, ...seatTypes] : notificationTypes,
    },
    answer: z.object({}),
    timeout: session.timeouts.write,
  });
}

/** Client Config, POST, with an empty set of kinds: how else to end a subscription Apple does not say (fact sheet §5). */
export async function postNoSubscription(session: Session, { id, name, metadata }: LibraryHolder): Promise<void> {
  await call(session, {
    operation: 'Client Config (unsubscribe)',
    method: 'POST',
    url: new URL('client/config', session.root),
    body: { mdmInfo: { id, name, metadata }, notificationTypes: [] },
    answer: z.object({}),
    timeout: session.timeouts.config,
  });
}

const assetsAnswer = z.object({ ...pageFields, assets: assetRows, unlimitedAssets: unlimitedAssetRows });

/** Get Assets. Knows no versions and no devices. @see https://developer.apple.com/documentation/devicemanagement/get-assets-4ski1 */
export async function getAssets(session: Session, query: PageQuery): Promise<Page<AssetRow>> {
  const operation = 'Get Assets';
  const { pageIndex, adamId } = query;
  const url = withQuery(new URL('assets', session.root), { pageIndex, adamId });
  const answer = await call(session, {
    operation,
    method: 'GET',
    url,
    answer: assetsAnswer,
    timeout: session.timeouts.list,
  });
  return toPage(operation, query, answer, [...answer.assets, ...answer.unlimitedAssets]);
}

const assignmentsAnswer = z.object({ ...pageFields, assignments: assignmentRows });

/** Get Assignments. @see https://developer.apple.com/documentation/devicemanagement/get-assignments-9wv1e */
export async function getAssignments(session: Session, query: PageQuery): Promise<Page<AssignmentRow>> {
  const operation = 'Get Assignments';
  const { pageIndex, adamId, serialNumber, clientUserId, sinceVersionId } = query;
  const includeUserState = query.includeUserState ? 'true' : undefined;
  const parameters = { pageIndex, adamId, serialNumber, clientUserId, sinceVersionId, includeUserState };
  const url = withQuery(new URL('assignments', session.root), parameters);
  const answer = await call(session, {
    operation,
    method: 'GET',
    url,
    answer: assignmentsAnswer,
    timeout: session.timeouts.list,
  });
  return toPage(operation, query, answer, answer.assignments);
}

const usersAnswer = z.object({ ...pageFields, users: userRows });

/** Get Users. */
export async function getUsers(session: Session, query: PageQuery): Promise<Page<LibraryUser>> {
  const operation = 'Get Users';
  const { pageIndex, clientUserId, sinceVersionId } = query;
  const url = withQuery(new URL('users', session.root), { pageIndex, clientUserId, sinceVersionId });
  const answer = await call(session, {
    operation,
    method: 'GET',
    url,
    answer: usersAnswer,
    timeout: session.timeouts.list,
  });
  return toPage(operation, query, answer, answer.users);
}

/** The answer to a write that became an event. */
export const eventAnswer = z
  .object({ ...envelopeFields, eventId: id })
  .transform((answer): AcceptedWrite => ({ ...toEnvelope(answer), eventId: answer.eventId }));

/** Associate Assets. @see https://developer.apple.com/documentation/devicemanagement/associate-assets */
export function associateAssets(session: Session, write: LicenseWrite): Promise<AcceptedWrite> {
  return manageAssets(session, 'Associate Assets', 'assets/associate', write);
}

/** Disassociate Assets. @see https://developer.apple.com/documentation/devicemanagement/disassociate-assets */
export function disassociateAssets(session: Session, write: LicenseWrite): Promise<AcceptedWrite> {
  return manageAssets(session, 'Disassociate Assets', 'assets/disassociate', write);
}

/** Create Users. */
export function createUsers(session: Session, users: readonly UserWrite[]): Promise<AcceptedWrite> {
  return manageUsers(session, 'Create Users', 'users/create', users);
}

/** Update Users. */
export function updateUsers(session: Session, users: readonly UserWrite[]): Promise<AcceptedWrite> {
  return manageUsers(session, 'Update Users', 'users/update', users);
}

/** Retire Users. */
export function retireUsers(
  session: Session,
  users: readonly Pick<UserWrite, 'clientUserId'>[],
): Promise<AcceptedWrite> {
  const named = users.map(({ clientUserId }) => ({ clientUserId }));
  return manageUsers(session, 'Retire Users', 'users/retire', named);
}

function manageUsers(
  session: Session,
  operation: string,
  path: string,
  users: readonly UserWrite[],
): Promise<AcceptedWrite> {
  const body = {
    users: users.map(({ clientUserId, email, managedAppleId }) => ({ clientUserId, email, managedAppleId })),
  };
  const url = new URL(path, session.root);
  return call(session, { operation, method: 'POST', url, body, answer: eventAnswer, timeout: session.timeouts.write });
}

function manageAssets(session: Session, operation: string, path: string, write: LicenseWrite): Promise<AcceptedWrite> {
  const assets = write.assets.map(({ adamId, pricingParam }) => ({ adamId, pricingParam }));
  return call(session, {
    operation,
    method: 'POST',
    url: new URL(path, session.root),
    body: { assets, ...named(write, 'serialNumbers'), ...named(write, 'clientUserIds') },
    answer: eventAnswer,
    timeout: session.timeouts.write,
  });
}

/** One kind of holder, left out when it is empty. */
function named(write: LicenseWrite, kind: 'serialNumbers' | 'clientUserIds'): Partial<LicenseWrite> {
  return write[kind].length === 0 ? {} : { [kind]: write[kind] };
}

const statusAnswer = z
  .object({
    ...envelopeFields,
    eventStatus: z.enum(['PENDING', 'COMPLETE', 'FAILED']),
    numRequested: optional(wholeNumber),
    numCompleted: optional(wholeNumber),
    failures: list(appleError),
  })
  .transform(
    (answer): WriteStatus => ({
      ...toEnvelope(answer),
      status: answer.eventStatus,
      requested: answer.numRequested ?? 0,
      completed: answer.numCompleted ?? 0,
      failures: answer.failures,
    }),
  );

/** Event Status. @see https://developer.apple.com/documentation/devicemanagement/events-status */
export function getEventStatus(session: Session, eventId: string): Promise<WriteStatus> {
  return call(session, {
    operation: 'Event Status',
    method: 'GET',
    url: withQuery(new URL('status', session.root), { eventId }),
    answer: statusAnswer,
    timeout: session.timeouts.status,
  });
}
