/** The driver of Apple's library service: what the domain asks for, by Apple's endpoints. @module */
import type { AppleLibrary, Credential, SharedPause } from '../domain/ports.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import {
  associateAssets,
  createUsers,
  disassociateAssets,
  getAssets,
  getAssignments,
  getClientConfig,
  getEventStatus,
  getSubscription,
  getUsers,
  postClientConfig,
  postNoSubscription,
  postSubscription,
  retireUsers,
  updateUsers,
} from './client.ts';
import { createConnections } from './connections.ts';
import { notificationHead, notificationNews } from './notifications.ts';
import { parseRoot } from './root.ts';
import { createServiceConfig, type ServiceConfig } from './service-config.ts';
import { type AppleTimeouts, defaultTimeouts, type Session } from './session.ts';
import {
  associateSubscriptions,
  disassociateSubscriptions,
  getSubscriptionAssignments,
  getSubscriptions,
  switchSubscriptions,
} from './subscriptions.ts';
import { createExchange } from './transport.ts';

/** Options of {@link createAppleLibrary}. */
export interface AppleLibraryOptions {
  /** Root of version 2, e.g. `https://vpp.itunes.apple.com/mdm/v2`. Plain http only to this machine, or with `allowHttp`. */
  baseUrl: string;
  clock: Clock;
  /** Gets one line at `debug` for each call. Default: none. */
  logger?: Logger;
  /** Default: the fetch of Node. */
  fetch?: typeof fetch;
  /** Milliseconds. */
  timeouts?: Partial<AppleTimeouts>;
  /** Allows plain http to another machine, for a sandbox. Default false. */
  allowHttp?: boolean;
  /** Where the pause of a host is kept for other processes too. Default: this one keeps it to itself. */
  pauseOf?: (host: string) => SharedPause;
}

/** The driver, and beside it Apple's settings for whoever looks up metadata. */
export interface AppleLibraryDriver extends AppleLibrary {
  /** Where the legacy lookup of metadata is. @throws AppleFailure */
  metadataLookupUrl: ServiceConfig['metadataLookupUrl'];
}

/** A driver of Apple's library service. Throws RangeError for an address that a token must not be sent to. */
export function createAppleLibrary(options: AppleLibraryOptions): AppleLibraryDriver {
  const root = parseRoot(options.baseUrl, options.allowHttp);
  const timeouts = { ...defaultTimeouts, ...options.timeouts };
  const onMoved = () => serviceConfig.forget();
  const exchange = createExchange({ ...options, connections: createConnections(), onMoved });
  const { clock, pauseOf } = options;
  const pause = pauseOf?.(root.host);
  const serviceConfig = createServiceConfig({ exchange, root, clock, timeout: timeouts.config, pause });
  const open = (credential: Credential): Session => ({ exchange, root, timeouts, credential });

  return {
    describe: (credential, signal) => getClientConfig(open(credential), signal),
    async claim(credential, holder) {
      const session = open(credential);
      await postClientConfig(session, holder);
      // Apple has no compare-and-swap: what is read back says who holds the library now.
      return getClientConfig(session);
    },
    readSubscription: (credential) => getSubscription(open(credential)),
    unsubscribe: (credential, holder) => postNoSubscription(open(credential), holder),
    subscribe: (credential, holder, subscription) => postSubscription(open(credential), holder, subscription),
    notificationHead,
    notificationNews,
    limits: serviceConfig.limits,
    metadataLookupUrl: serviceConfig.metadataLookupUrl,
    invitationUrl: serviceConfig.invitationUrl,
    readAssets: (credential, query) => getAssets(open(credential), query),
    readAssignments: (credential, query) => getAssignments(open(credential), query),
    readUsers: (credential, query) => getUsers(open(credential), query),
    createUsers: (credential, users) => createUsers(open(credential), users),
    updateUsers: (credential, users) => updateUsers(open(credential), users),
    retireUsers: (credential, users) => retireUsers(open(credential), users),
    associate: (credential, write) => associateAssets(open(credential), write),
    disassociate: (credential, write) => disassociateAssets(open(credential), write),
    setSeatManagement: (credential, enabled) => switchSubscriptions(open(credential), enabled),
    readSeatSubscriptions: (credential, query) => getSubscriptions(open(credential), query),
    readSeats: (credential, query) => getSubscriptionAssignments(open(credential), query),
    assignSeats: (credential, write, renewing) => associateSubscriptions(open(credential), write, renewing),
    removeSeats: (credential, write, deferred) => disassociateSubscriptions(open(credential), write, deferred),
    writeStatus: (credential, eventId) => getEventStatus(open(credential), eventId),
  };
}
