/** What verbs are given. @module */
import type { Database } from '../db/client.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { Actor } from './actor.ts';
import type { MdmServer } from './mdm-ports.ts';
import type { AppleLibrary, MetadataSource } from './ports.ts';
import type { SecretBox } from './token/secret-box.ts';

/** Named points where a test can end the process, to prove that nothing is lost there. */
export type Failpoint =
  | 'claimed'
  | 'reserved'
  | 'before-call'
  | 'after-call'
  | 'polling'
  | 'settling'
  | 'done'
  | 'sync-block';

/** Choices of the installation, all named and with units. */
export interface Settings {
  mode: 'SANDBOX' | 'PRODUCTION';
  /** Name under which Russet claims a library; what another administrator reads. */
  holderName: string;
  /** Host or address shown beside it. */
  holderMetadata: string;
  /** Where Apple reaches the API, without a slash at its end; null when it can't: then writes are polled. */
  publicUrl: string | null;
  /** Milliseconds between two looks at whether Apple still posts to us. */
  checkWebhookEvery: number;
  /** Milliseconds between asking Apple and the first status poll. */
  firstPollAfter: number;
  /** The same for a token whose notifications come: they tell most of it before. */
  firstPollWhenLive: number;
  /** Milliseconds between two status polls of one write. */
  pollEvery: number;
  /** Milliseconds after which a write that Apple still calls PENDING is compared with its assignments instead. */
  pendingLimit: number;
  /** A wait of at most this many milliseconds is spent in the job instead of a new one; 0 never lingers. */
  lingerFor: number;
  /** Milliseconds before a write of unknown outcome is compared with Apple's assignments. */
  unknownOutcomeWait: number;
  /** Days before the expiry at which a token counts as EXPIRING. */
  expiringDays: number;
  /** Days before the expiry of a token at which a notice is told. */
  noticeDays: readonly number[];
  /** Milliseconds between two questions to Apple about a token, give or take a quarter. */
  probeEvery: number;
  /** What this installation is named; a database that names another one is a copy. Null when nobody named it. */
  installationId: string | null;
  /** Milliseconds a task holds its reservations while its token waits for a renewal. */
  renewalWait: number;
  /** Milliseconds that a request waits for a free seat when it does not say for how long. */
  shortageWait: number;
  /** Milliseconds after which the metadata of an app is asked for again. */
  metadataEvery: number;
  /** Most apps of one token whose known metadata is asked for again at a time; the others follow ten minutes later. */
  metadataApps: number;
  /** Milliseconds for which a sync that reads changes only may follow one that read the whole library. */
  fullSyncEvery: number;
  /** Hour of the night, in the organization's time zone, from which libraries are read whole; null never does. */
  reconcileHour: number | null;
  /** Days after which task events are deleted. */
  taskEventDays: number;
  /** Days for which a task is kept after its end, with its failures and its calls to Apple. */
  taskDays: number;
  /** Days after its hour for which a plan can still be read. */
  planDays: number;
  /** Days for which Apple's notifications are kept. */
  notificationDays: number;
  /** Milliseconds between two questions to a device which apps it has, give or take a quarter. */
  inventoryEvery: number;
  /** Milliseconds between two questions to a device what it is, give or take a quarter. */
  informationEvery: number;
  /** Milliseconds after which a question to a device is given up. */
  questionDeadline: number;
  /** Milliseconds without an answer after which a device is woken again. */
  pushAgainAfter: number;
  /** Most times that a device is woken because of one command. */
  mostPushes: number;
  /** Days for which what MDM servers told of devices is kept. */
  deviceNewsDays: number;
  /** Days for which a command to a device is kept after its end. */
  deviceCommandDays: number;
  /** Days for which an idempotency key is kept. */
  idempotencyDays: number;
}

/** What a process owns and every verb may use. */
export interface Services extends Pick<Database, 'prisma' | 'pool'> {
  clock: Clock;
  logger: Logger;
  apple: AppleLibrary;
  metadata: MetadataSource;
  /** The MDM servers of the organizations; which one is meant comes with each call. */
  mdm: MdmServer;
  secrets: SecretBox;
  settings: Settings;
  /** Called at each named point; does nothing outside of crash tests. */
  failpoint(point: Failpoint): void;
}

/** The services together with who asks. */
export interface Context extends Services {
  actor: Actor;
  /** Ties request, job, log lines and audit entry together. */
  correlationId: string;
}

/** A context for Russet's own work in one organization. */
export function systemContext(
  services: Services,
  organizationId: bigint,
  name: string,
  correlationId: string,
): Context {
  return { ...services, actor: { kind: 'SYSTEM', organizationId, name }, correlationId };
}
