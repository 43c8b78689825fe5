/** `GET /service/config` and `/client/config`. @module */

import type { MdmInfo } from '../scenarios/types.ts';
import { type Answer, type Call, unitOf } from './call.ts';
import { enveloped } from './envelope.ts';
import { publishedErrors } from './errors.ts';
import type { ClientConfig } from './organizational-unit.ts';
import { lookupPath, paths } from './paths.ts';
import { fieldsOf, mdmInfoOf, textOf } from './request-body.ts';

const notificationTypes = ['ASSET_COUNT', 'ASSET_MANAGEMENT', 'USER_MANAGEMENT', 'USER_ASSOCIATED'];

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

/** Stores what a client sent, the claim of the library included. The last one to claim wins, as at Apple. */
export function writeClientConfig(call: Call): Answer {
  const unit = unitOf(call);
  const kept = call.world.options.clientConfigOmitted === 'keep' ? unit.config : {};
  unit.config = { ...kept, ...sentConfig(call) };
  call.world.changes++;
  return enveloped(call, describe(call));
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
