/** The verbs that control a simulator, the same in process and over HTTP. @module */
import type { FleetAdmin } from './admin-fleet-types.ts';
import type { MdmAdmin } from './admin-mdm-types.ts';
import type { DeveloperKey } from './apple/developer-keys.ts';
import type { EventType } from './apple/events.ts';
import type { Fault, FaultMatch, OrderedFault } from './apple/faults.ts';
import type { TokenState } from './apple/tokens.ts';
import type { JournalEntry } from './journal.ts';
import type { DeliveryReport } from './notify/courier.ts';
import type { Attempt, DeliveryState, NotificationBody } from './notify/delivery.ts';
import type { DeliveryQuery } from './notify/outbox.ts';
import type { OptionsPatch, SimulatorOptions } from './options.ts';
import type {
  AssetSpec,
  AssignmentSpec,
  CatalogItem,
  CatalogVariant,
  DeviceSpec,
  MdmInfo,
  PricingParam,
  Scenario,
  UserSpec,
} from './scenarios/types.ts';
import type { SeatCounts, Subscription, SubscriptionAdmin, SubscriptionSeat } from './subscriptions/book.ts';

/** A content token. `text` is the whole file and stays out of logs. */
export interface TokenInfo {
  name: string;
  /** What its manager may do. */
  kind: 'full' | 'readOnly' | 'legacy';
  uId: string;
  orgName: string;
  /** The opaque inner `token`, which is not what a client sends. */
  innerToken: string;
  /** As in the file: `YYYY-MM-DDThh:mm:ss+0000`. */
  expDate: string;
  state: TokenState;
  text: string;
}

/** What {@link SimulatorAdmin.issueToken} takes: a library, or a token to renew (the library stays). */
export interface TokenOrder {
  uId?: string;
  /** The token that is renewed. */
  name?: string;
  /** `valid` unless said. */
  kind?: 'valid' | 'expired' | 'readOnly' | 'legacy';
  /** ISO time or Apple's form; 335 days ahead (or one day back for `expired`) unless said. */
  expDate?: string;
  /** Name of the new token; made up unless said. */
  as?: string;
  /** Revokes every other token of the library, as a download in the portal does. */
  revokeOlder?: boolean;
}

/** Names one asset of a library; `pricingParam` is STDQ unless said. */
export interface AssetKey {
  uId: string;
  adamId: string;
  pricingParam?: PricingParam;
}

/** What can be said of an asset afterwards. */
export interface AssetChange extends AssetKey {
  total?: number;
  unlimited?: boolean;
  retired?: number;
  deviceAssignable?: boolean;
  revocable?: boolean;
  supportedPlatforms?: AssetSpec['supportedPlatforms'];
}

/** The true counts of an asset, whatever lag is published. */
export interface AssetTruth {
  adamId: string;
  pricingParam: PricingParam;
  productType: 'App' | 'Book';
  unlimited: boolean;
  total: number;
  assigned: number;
  available: number;
  retired: number;
  deviceAssignable: boolean;
  revocable: boolean;
}

/** An event as the simulator knows it. */
export interface EventTruth {
  eventId: string;
  type: EventType;
  numRequested: number;
  processed: number;
  succeeded: number;
  finished: boolean;
}

/** Everything that is true of a library now. */
export interface UnitTruth {
  uId: string;
  name: string;
  mdmInfo: MdmInfo | null;
  notificationUrl: string | null;
  versions: { assets: string; assignments: string; users: string };
  assets: AssetTruth[];
  assignments: (AssignmentSpec & { pricingParam: PricingParam })[];
  events: EventTruth[];
}

/** What {@link SimulatorAdmin.loadScenario} takes: a scenario as data, or a name with sizes. */
export interface ScenarioOrder {
  scenario?: Scenario | string;
  licenses?: number;
  devices?: number;
  seed?: number;
}

/** A change of a store item: a new version, another name, withdrawn from sale. */
export interface MetadataChange extends Partial<Omit<CatalogItem, 'adamId' | 'variants'>> {
  adamId: string;
  /** Changes one platform of it; all of them unless `platform` is given. */
  variant?: Partial<CatalogVariant>;
}

/** What {@link SimulatorAdmin.publishVersion} takes; what is not said follows from the version before. */
export interface VersionOrder {
  adamId: string;
  /** The first one that the app has unless said. */
  platform?: CatalogVariant['platform'];
  version?: string;
  externalId?: number;
  minimumOSVersion?: string;
  /** Only in this country. */
  storefront?: string;
}

/** A notification and what became of it. */
export interface DeliveryInfo {
  /** Its number; `since` continues after it. */
  n: number;
  notificationId: string;
  uId: string;
  type: string;
  /** The event it tells of. */
  eventId?: string;
  /** `SUCCESS` or `FAILURE`. */
  result?: string;
  /** Rows of assignments. */
  rows: number;
  createdAt: string;
  dueAt: string;
  state: DeliveryState;
  attempts: Attempt[];
  /** With `bodies: true`. */
  body?: NotificationBody;
}

/** What {@link SimulatorAdmin.sendNotification} sends: once, at once, whatever is subscribed. */
export interface NotificationOrder {
  uId: string;
  type: string;
  notification?: Record<string, unknown>;
  notificationId?: string;
  /** The whole Authorization header instead of the stored token; null for none. */
  authorization?: string | null;
  /** The body as text, instead of one that is built. */
  raw?: string;
  /** Instead of the stored URL. */
  url?: string;
}

/** What {@link SimulatorAdmin.acceptInvitation} takes. */
export interface InvitationOrder {
  inviteCode: string;
  /** Name of the Apple Account that the person signs in with. */
  account: string;
}

/** A subscription with its true counts. */
export interface SubscriptionTruth extends Omit<Subscription, 'periodEnd'> {
  /** ISO time. */
  periodEnd: string;
  assigned: SeatCounts;
  available: SeatCounts;
}

/** What {@link SimulatorAdmin.buySubscription} takes. */
export interface SubscriptionOrder {
  uId: string;
  adamId: string;
  /** The app that it belongs to; `adamId` itself unless said. */
  parentAdamId?: string;
  /** Seats that renew at the end of a period; negative to take some away. */
  renewing?: number;
  /** Seats that end with the period. */
  expiring?: number;
  /** 30 unless said. */
  periodDays?: number;
  /** ISO time; one period from now, or as it was, unless said. */
  periodEnd?: string;
}

/** Control of a running simulator. Every verb first does the event work that is due. Wrong names throw. */
export interface SimulatorAdmin {
  /** Replaces the whole world. */
  loadScenario(order: ScenarioOrder): { name: string };
  /** Starts the current scenario again and clears faults and journal; options stay. */
  reset(): void;
  tokens(): TokenInfo[];
  /** The text of a token's file. */
  tokenFile(name: string): string;
  issueToken(order: TokenOrder): TokenInfo;
  revokeToken(name: string): TokenInfo;
  /** Buys seats, or takes them away with a negative count. Unknown assets are added. Sends `ASSET_COUNT`. */
  purchase(order: AssetKey & { count: number }): AssetTruth;
  /** Takes seats away, given or not, as a refund does. Sends `ASSET_COUNT`. */
  refund(order: AssetKey & { count: number }): AssetTruth;
  /** Moves seats that are not given to another library. Sends `ASSET_COUNT` to both. */
  transfer(order: AssetKey & { to: string; count: number }): { from: AssetTruth; to: AssetTruth };
  setAsset(change: AssetChange): AssetTruth;
  /** Adds an asset, and its store item when `item` says what it is. */
  addAsset(order: AssetSpec & { uId: string; item?: CatalogItem }): AssetTruth;
  /** Takes an asset away with all its seats. */
  removeAsset(key: AssetKey): void;
  /** Gives a seat as somebody outside the client would. */
  assign(order: AssetKey & { serialNumber?: string; clientUserId?: string }): AssetTruth;
  /** Takes a seat back as somebody outside the client would; books too. */
  unassign(order: AssetKey & { serialNumber?: string; clientUserId?: string }): AssetTruth;
  /** Claims a library for somebody, or frees it with null. */
  setMdmInfo(order: { uId: string; mdmInfo: MdmInfo | null }): void;
  setMetadata(change: MetadataChange): CatalogItem;
  /** Releases a version of an app; devices whose OS is too old keep getting the one before. */
  publishVersion(order: VersionOrder): CatalogItem;
  options(): SimulatorOptions;
  setOptions(patch: OptionsPatch): SimulatorOptions;
  faults: {
    add(order: { match?: FaultMatch; fault: Fault }): OrderedFault;
    list(): OrderedFault[];
    /** Takes back one fault, or all. */
    clear(id?: string): void;
  };
  journal(query?: { since?: number; operation?: string; limit?: number }): JournalEntry[];
  clearJournal(): void;
  /** Notifications, oldest first: those that wait and the last 5,000 others. */
  deliveries(query?: DeliveryQuery & { bodies?: boolean }): DeliveryInfo[];
  clearDeliveries(): void;
  /** Nothing is sent by itself from now on. */
  pauseDeliveries(): void;
  resumeDeliveries(): void;
  /** Sends what is due, and waits for the outcomes. With the machine's clock it happens by itself. */
  deliverDue(): Promise<DeliveryReport>;
  /** Sends these now, one after another in this order, or all that wait; due or not, paused or not. */
  deliver(order?: { numbers?: number[] }): Promise<DeliveryReport>;
  /** Loses notifications that wait. */
  dropDeliveries(order: { numbers: number[] }): void;
  sendNotification(order: NotificationOrder): Promise<DeliveryInfo>;
  /** Moves a virtual clock and delivers what falls due on the way; throws with any other clock. */
  advance(milliseconds: number): Promise<void>;
  truth(order: { uId: string }): UnitTruth;
  devices(): DeviceSpec[];
  /** A person accepts an invitation with an Apple Account. Sends `USER_ASSOCIATED`. */
  acceptInvitation(order: InvitationOrder): UserSpec & { uId: string };
  /** Adds a user, or replaces what is said of one. */
  setUser(order: UserSpec & { uId: string }): UserSpec;
  /** Every record, retired ones included. */
  users(order?: { uId?: string }): (UserSpec & { uId: string })[];
  subscriptions(order: { uId: string }): {
    enabled: boolean;
    subscriptions: SubscriptionTruth[];
    seats: SubscriptionSeat[];
    admins: SubscriptionAdmin[];
  };
  /** A manager buys seats of a subscription; the library's client must have enabled that. Sends `SUBSCRIPTION_COUNT`. */
  buySubscription(order: SubscriptionOrder): SubscriptionTruth;
  setSubscription(order: { uId: string; adamId: string; status: Subscription['status'] }): SubscriptionTruth;
  /** Gives a seat as somebody outside the client would, to a group for example. */
  giveSubscription(order: {
    uId: string;
    adamId: string;
    clientUserId: string;
    renewing?: boolean;
    viaGroup?: boolean;
  }): SubscriptionTruth;
  /** Every store item. */
  catalog(): CatalogItem[];
  /** Keys whose developer tokens open Apps and Books for Organizations. */
  developerKeys(): DeveloperKey[];
  /** Adds the public half of a key, or replaces the one with that `keyId`. */
  addDeveloperKey(key: DeveloperKey): void;
  /** Makes a key and adds its public half; the private one (PKCS #8, PEM) is kept nowhere. */
  createDeveloperKey(wish?: { teamId?: string; keyId?: string }): Promise<DeveloperKey & { privateKey: string }>;
  removeDeveloperKey(key: { keyId: string }): void;
  /** The MDM server. */
  mdm: MdmAdmin;
  /** The devices. */
  fleet: FleetAdmin;
}
