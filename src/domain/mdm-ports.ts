/** What the domain needs from MDM servers and the devices behind them, in its own words. @module */

/** What may be asked of a device. */
export type DeviceRequest =
  /** Installs the app with a volume license, or updates it when it is managed already (MDM sheet §1.2). */
  | { kind: 'INSTALL_APP'; adamId: string; takeOver: boolean; removable: boolean | null }
  /** Removes a managed app with its data (MDM sheet §1.4). */
  | { kind: 'REMOVE_APP'; bundleId: string }
  /** All apps of the device, or these; which keys are told is the driver's affair (MDM sheet §1.5). */
  | { kind: 'LIST_INSTALLED_APPS'; bundleIds: string[] | null }
  /** How the managed apps stand, or these (MDM sheet §1.4). */
  | { kind: 'LIST_MANAGED_APPS'; bundleIds: string[] | null }
  /** What the device is (MDM sheet §1.6). */
  | { kind: 'DEVICE_INFORMATION' }
  /**
   * Shows the person at the device the invitation of Apps and Books (Apple sheet §18). The address is a secret: what is kept
   * names the person, and the address is there on the way to the device only.
   */
  | { kind: 'INVITE_TO_PROGRAM'; vppUserId: string; invitationUrl?: string };

/** One kind of request. */
export type DeviceRequestKind = DeviceRequest['kind'];

/** One error of an answer. Several may come in one answer, with different domains (MDM sheet §2). */
export interface DeviceError {
  domain: string;
  number: number;
  message: string;
}

/** What ManagedApplicationList and answers to installs call the state of an app (MDM sheet §1.4), as the device writes it. */
export type ManagedAppStatus = string;

/** An app that a device has (MDM sheet §1.5). Null where the device does not say. */
export interface DeviceApp {
  bundleId: string;
  name: string | null;
  version: string | null;
  shortVersion: string | null;
  /** As text; "0" for an app that is not from the store. */
  externalVersionId: string | null;
  hasUpdate: boolean | null;
  /** Installed with a device license. */
  deviceLicense: boolean | null;
  /** Still loading, waiting or paused: its version is not real yet. */
  installing: boolean;
  /** The download was cancelled or failed. */
  downloadFailed: boolean;
}

/** A managed app as the device tells of it (MDM sheet §1.4). */
export interface ManagedApp {
  bundleId: string;
  status: ManagedAppStatus;
  externalVersionId: string | null;
}

/** What a device says of itself (MDM sheet §1.6). Absent where it does not say. */
export interface DeviceFacts {
  serialNumber?: string;
  name?: string;
  osVersion?: string;
  /** The hardware, e.g. `iPad13,18`. */
  productName?: string;
  /** Apple's family word, e.g. `iPad`. */
  modelName?: string;
  supervised?: boolean;
  awaitingConfiguration?: boolean;
  timeZone?: string;
  storeAccountHash?: string;
  storeAccountActive?: boolean;
}

/** What an answer holds; which of them says the answer itself, for devices do not repeat the request (MDM sheet §0.8). */
export interface DeviceResult {
  errors: DeviceError[];
  apps?: DeviceApp[];
  managedApps?: ManagedApp[];
  facts?: DeviceFacts;
  /** Of an install or removal. */
  app?: { bundleId: string | null; state: ManagedAppStatus | null; rejectionReason: string | null };
  /** Of an invitation. */
  invitation?: string;
}

/** How a device is addressed. */
export interface Addressee {
  /** UDID or EnrollmentID. */
  enrollmentId: string;
  type: 'DEVICE' | 'USER';
}

/** When something happened. */
export interface Dated {
  /** ISO time by the MDM server's clock, which alone can put news in order; absent where it does not say: then when it came. */
  at?: string;
}

/** What an MDM server tells of one device. Told once, twice, late, or never (MDM sheet §4.1). */
export type DeviceNews = Addressee &
  Dated &
  (
    | /** Enrollment began; everything that was queued is gone. */ { kind: 'AUTHENTICATED'; facts: DeviceFacts }
    /** It can be reached. `fresh` when this is the first time since it enrolled. */
    | { kind: 'REACHABLE'; fresh: boolean; awaitingConfiguration: boolean | null }
    /** It said goodbye. */
    | { kind: 'CHECKED_OUT' }
    /** It asked for work. */
    | { kind: 'IDLE' }
    /** Whoever leased the command handed it on to the device. */
    | { kind: 'DELIVERED'; commandUuid: string }
    /** Whoever leased the command can't hand it on. */
    | { kind: 'REFUSED'; commandUuid: string; reason: string }
    /** Its apps or what it is, told without being asked by us. `complete`: `apps` is the whole list. */
    | { kind: 'INVENTORY'; apps: DeviceApp[] | null; complete: boolean; facts: DeviceFacts | null }
    /** It can't now; the server offers the command again. */
    | { kind: 'NOT_NOW'; commandUuid: string }
    /** It answered. MALFORMED: it did not understand us. */
    | { kind: 'ANSWERED'; commandUuid: string; status: 'ACKNOWLEDGED' | 'FAILED' | 'MALFORMED'; result: DeviceResult }
    /** Anything else; only shows that it lives. */
    | { kind: 'OTHER'; topic: string }
  );

/** How to call an MDM server. Holds a secret: never logged, kept or shown. */
export interface MdmAccess {
  baseUrl: string;
  pathPrefix: string;
  userName: string;
  apiKey: string;
}

/** What became of a command for one device. */
export interface Enqueued {
  /** The server has it, or had it already. */
  accepted: boolean;
  /** Why the device could not be pushed; the command waits nevertheless. */
  pushProblem: string | null;
  /**
   * Why the server refused it. Some servers refuse a whole batch because of one device that they don't know, and take
   * nothing of it: send each of a refused batch alone, with a CommandUUID of its own (MDM sheet §4.1).
   */
  refusal: string | null;
}

/** An MDM server that Russet calls. Every method may throw {@link MdmFailure}. */
export interface MdmServer {
  /** Proves address, user name and API key without changing anything. Gives the server's version where it tells one. */
  test(access: MdmAccess, signal?: AbortSignal): Promise<{ version: string | null }>;
  /**
   * Gives the same command to at most {@link maxBatch} devices. `uuid` was written down before, and a second call with it
   * queues nothing twice (MDM sheet §4.1): "already exists" counts as accepted.
   */
  enqueue(
    access: MdmAccess,
    command: { uuid: string; request: DeviceRequest; push: boolean },
    enrollmentIds: readonly string[],
  ): Promise<Map<string, Enqueued>>;
  /** Wakes devices. Gives why one could not be, or null. */
  push(access: MdmAccess, enrollmentIds: readonly string[]): Promise<Map<string, string | null>>;
}

/** Most devices in one call of an MDM server: proxies cap addresses at 8 kB (MDM sheet §4.1). */
export const maxBatch = 100;

/** What the caller has to do with it. UNKNOWN_OUTCOME: the server may have taken what was sent; send the same again. */
export type MdmFailureKind = 'UNAVAILABLE' | 'UNAUTHORIZED' | 'UNKNOWN_OUTCOME' | 'REJECTED';

/** What a person has to mend. */
export type MdmProblem =
  | /** No connection: address, name, port, or the server is down. */ 'UNREACHABLE'
  | /** Its certificate is not trusted. */ 'UNTRUSTED'
  | /** It did not answer in time, or the connection broke. */ 'NO_ANSWER'
  | /** User name or API key are wrong. */ 'UNAUTHORIZED'
  | /** It answers, and what we call is not at this prefix. */ 'WRONG_PREFIX'
  | /** It sends us elsewhere, which is not followed. */ 'REDIRECTED'
  | /** What answers is no NanoMDM. */ 'NOT_NANOMDM'
  | /** It is overloaded or ill. */ 'SERVER_ERROR'
  | /** It does not take what was asked. */ 'REFUSED';

/** Why a call of an MDM server failed. Holds no part of a secret, and nothing that the server wrote. */
export class MdmFailure extends Error {
  override readonly name = 'MdmFailure';
  readonly kind: MdmFailureKind;
  readonly problem: MdmProblem;
  readonly httpStatus: number | undefined;

  constructor(kind: MdmFailureKind, problem: MdmProblem, message: string, options: { httpStatus?: number } = {}) {
    super(message);
    this.kind = kind;
    this.problem = problem;
    this.httpStatus = options.httpStatus;
  }
}
