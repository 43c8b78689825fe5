/** `GET /service/config` and `/client/config`. @module */

import { bodyOf, notificationTypes } from '../notify/delivery.ts';
import { isDelivered, postNotification } from '../notify/post.ts';
import type { MdmInfo } from '../scenarios/types.ts';
import { type Answer, type Call, unitOf } from './call.ts';
import { enveloped, refusal } from './envelope.ts';
import { publishedErrors } from './errors.ts';
import type { ClientConfig } from './organizational-unit.ts';
import { lookupPath, paths } from './paths.ts';
import { fieldsOf, mdmInfoOf, textOf } from './request-body.ts';

/** What the service says of itself to anybody. */
export function readServiceConfig({ world: { baseUrl, options } }: Call): Answer {
  const invitationEmail = `${baseUrl}/invitation?inviteCode=%25inviteCode%25&mt=8`;
  const known = Object.fromEntries(Object.entries(paths).map(([key, path]) => [key, `${baseUrl}${path}`]));
  const all = { invitationEmail, ...known, contentMetadataLookup: `${baseUrl}${lookupPath}` };
  const urls = options.serviceConfigUrls === 'all' ? all : { invitationEmail };
  const body = { errorCodes: publishedErrors(), notificationTypes, limits: options.limits, urls };
  return { status: 200, body };
}

/** What the library is and what a client stored there. */
export function readClientConfig(call: Call): Answer {
  return enveloped(call, describe(call));
}

/**
 * Stores what a client sent, the claim of the library included. The last one to claim wins, as at Apple. A URL is called
 * first, with the token that came along; when it does not answer with 2xx, nothing is stored.
 */
export async function writeClientConfig(call: Call): Promise<Answer> {
  const { world } = call;
  const sent = sentConfig(call);
  if (sent.notificationUrl && world.options.testNotification === 'required') {
    if (!(await answersTest(call, sent))) return refusal(call, 9728);
  }
  const unit = unitOf(call);
  const kept = world.options.clientConfigOmitted === 'keep' ? unit.config : {};
  unit.config = { ...kept, ...sent };
  world.changes++;
  return enveloped(call, describe(call));
}

async function answersTest(call: Call, { notificationUrl, notificationAuthToken }: ClientConfig): Promise<boolean> {
  const { world, now } = call;
  const draft = { uId: unitOf(call).uId, type: 'TEST_NOTIFICATION', fields: {} };
  const delivery = world.outbox.note(draft, now, 'sending');
  const attempt = await postNotification({
    url: notificationUrl!,
    authorization: `Bearer ${notificationAuthToken}`,
    body: JSON.stringify(bodyOf(delivery)),
    timeoutMs: world.options.notificationTimeoutMs,
    signal: world.courier.signal,
  });
  delivery.attempts.push({ at: new Date(now).toISOString(), ...attempt });
  delivery.state = isDelivered(attempt) ? 'delivered' : 'failed';
  return isDelivered(attempt);
}

function sentConfig(call: Call): ClientConfig {
  const sent: ClientConfig = {};
  const mdmInfo = mdmInfoOf(call) as MdmInfo | undefined;
  const url = textOf(call, 'notificationUrl');
  const types = fieldsOf(call).notificationTypes;
  if (mdmInfo) sent.mdmInfo = { id: mdmInfo.id, name: mdmInfo.name, metadata: mdmInfo.metadata };
  if (url) {
    sent.notificationUrl = url;
    sent.notificationAuthToken = textOf(call, 'notificationAuthToken')!;
  }
  if (Array.isArray(types)) sent.notificationTypes = types.map(String).sort();
  return sent;
}

function describe(call: Call): object {
  const { country, platform, name, config } = unitOf(call);
  const { notificationUrl, notificationAuthToken, notificationTypes: subscribed } = config;
  return {
    countryISO2ACode: country,
    defaultPlatform: platform,
    locationName: name,
    websiteURL: platform === 'volumestore' ? 'https://school.apple.com' : 'https://business.apple.com',
    ...(notificationUrl ? { notificationUrl, notificationAuthToken } : {}),
    ...(subscribed ? { subscribedNotificationTypes: subscribed } : {}),
  };
}
