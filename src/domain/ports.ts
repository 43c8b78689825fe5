/** What the domain needs from the outside, in its own words. Drivers implement these; nobody else knows Apple's wire. @module */

/** One library's credential: the text of the token file, exactly as Apple issued it. */
export type Credential = string;

/** Who holds a library, as the last claim at Apple says. Cooperative: Apple stores it and enforces nothing (fact sheet §2.4). */
export interface LibraryHolder {
  id: string;
  name: string;
  metadata: string;
}

/** What every signed-in answer of Apple says beside its content. */
export interface Envelope {
  /** Apple's id of the library; a decimal string that does not fit a JavaScript number. */
  uId: string;
  /** When the token expires, where the answer says so. */
  expiresAt: Date | null;
  /** The holder of the library; null when nobody ever claimed it. */
  holder: LibraryHolder | null;
}

/** A library as Apple describes it (GET client/config, fact sheet §5). */
export interface LibraryDescription extends Envelope {
  /** ISO 3166-1 alpha-2, upper case. */
  country: string | null;
  /** `EDUCATION` for Apple School Manager, `BUSINESS` for Apple Business. */
  accountType: 'BUSINESS' | 'EDUCATION';
  locationName: string | null;
  websiteUrl: string | null;
}

/** Apple's current limits (GET service/config, fact sheet §4); missing ones are filled with conservative constants. */
export interface AppleLimits {
  /** Distinct assets in one associate or disassociate. */
  maxAssets: number;
  /** Distinct serial numbers in one associate or disassociate. */
  maxSerialNumbers: number;
  /** Distinct client user ids in one associate or disassociate. */
  maxClientUserIds: number;
  /** Users in one create, update or retire. */
  maxUsers: number;
  /** Distinct seat subscriptions in one assignment or removal of seats. */
  maxSeatSubscriptions: number;
  /** Distinct client user ids in one assignment or removal of seats. */
  maxSeatUsers: number;
  /** Requests a second for one library. */
  maxRequestsPerSecond: number;
  /** Lengths of the three fields of a claim. */
  maxMdmIdLength: number;
  maxMdmNameLength: number;
  maxMdmMetadataLength: number;
}

/** One asset: the seats of one app or book in one library. */
export interface AssetRow {
  adamId: string;
  pricingParam: string;
  productType: 'APP' | 'BOOK';
  total: number;
  assigned: number;
  /** Null when the asset is unlimited. */
  available: number | null;
  retired: number;
  unlimited: boolean;
  deviceAssignable: boolean;
  revocable: boolean;
  supportedPlatforms: string[];
}

/** One assignment; exactly one of the holders is set. */
export interface AssignmentRow {
  adamId: string;
  pricingParam: string;
  serialNumber: string | null;
  clientUserId: string | null;
  /** Where the user stands; only where the query asked for it. */
  user?: { status: LibraryUserStatus | null; idHash: string | null };
}

/** Where a record of a user stands. REGISTERED waits for an Apple Account; DELETED gave its account to a newer record. */
export type LibraryUserStatus = 'REGISTERED' | 'ASSOCIATED' | 'RETIRED' | 'DELETED';

/** One record of a user. The same clientUserId may have many that are retired and at most one that is active. */
export interface LibraryUser {
  clientUserId: string;
  email: string | null;
  /** Null for a word that is not known here. */
  status: LibraryUserStatus | null;
  /** Opens the invitation; a secret until it is taken. */
  inviteCode: string | null;
  /** Stands for the Apple Account that it is or was linked to. */
  idHash: string | null;
}

/** What Apple is told of a user. Absent fields stay as they are. */
export interface UserWrite {
  clientUserId: string;
  email?: string;
  /** Links the user at once when the account is one of the same organization. */
  managedAppleId?: string;
}

/** One page of a sweep. */
export interface Page<Row> extends Envelope {
  rows: Row[];
  pageIndex: number;
  /** Null on the last page: the only end test that Apple's text agrees on (fact sheet §20). */
  nextPageIndex: number | null;
  /** Estimate while reading; may change under way. */
  totalPages: number;
  versionId: string | null;
}

/** Which page, and which part, of a list to read. */
export interface PageQuery {
  pageIndex?: number;
  adamId?: string;
  serialNumber?: string;
  clientUserId?: string;
  sinceVersionId?: string;
  /** Of assignments: with the state of their users. */
  includeUserState?: boolean;
}

/** A write to Apple: every asset times every holder. One kind of holder a call; the other list is empty. */
export interface LicenseWrite {
  assets: { adamId: string; pricingParam: string }[];
  serialNumbers: string[];
  clientUserIds: string[];
}

/** Apple took a write and will work on it. */
export interface AcceptedWrite extends Envelope {
  eventId: string;
}

/** One group of failed items of a write. The two lists stand apart: which pair failed is not said (fact sheet §10). */
export interface WriteFailure {
  appleErrorNumber: number;
  message: string;
  assets: { adamId: string; pricingParam: string }[];
  serialNumbers: string[];
  clientUserIds: string[];
  /** When it passes by itself: how soon to send the items again. */
  again?: Patience | undefined;
}

/** SOON: at once a few times, then in minutes. LATER: in minutes. */
export type Patience = 'SOON' | 'LATER';

/** Seats of a subscription, by what happens to them at the end of its period. */
export interface SeatNumbers {
  renewing: number;
  expiring: number;
}

/** One seat subscription of a library with Apple's numbers (fact sheet §12). */
export interface SeatSubscriptionNumbers {
  parentAdamId: string;
  adamId: string;
  status: 'ACTIVE' | 'INACTIVE' | 'PAUSED';
  /** The day on which the period ends, YYYY-MM-DD; null where Apple names none. */
  periodEndsOn: string | null;
  assigned: SeatNumbers;
  available: SeatNumbers;
  total: SeatNumbers;
}

/** A seat that a person holds. */
export interface SeatHolding {
  adamId: string;
  clientUserId: string;
  renewing: boolean;
}

/** One page of a list that is read from cursor to cursor. */
export interface CursorPage<Row> extends Envelope {
  rows: Row[];
  /** Null at the end. A page may be empty and still have one. */
  nextCursor: string | null;
  versionId: string | null;
}

/** Which page, and which part, of such a list. */
export interface CursorQuery {
  cursor?: string | undefined;
  adamId?: string;
  clientUserId?: string;
}

/** A write of seats: every subscription times every person. */
export interface SeatWrite {
  adamIds: string[];
  clientUserIds: string[];
}

/** Whether Apple takes us for a product that manages seat subscriptions of the library. */
export interface SeatManagement extends Envelope {
  enabled: boolean;
}

/** Where a write stands (GET status). */
export interface WriteStatus extends Envelope {
  status: 'PENDING' | 'COMPLETE' | 'FAILED';
  requested: number;
  completed: number;
  failures: WriteFailure[];
}

/** Where Apple is to post what happens in a library. */
export interface Subscription {
  url: string;
  /** What Apple sends as bearer. */
  secret: string;
  /** Of seats too; true when absent. */
  seats?: boolean;
}

/** What Apple has of a subscription. Holds a secret: to be compared, never kept or shown. */
export interface StoredSubscription extends Envelope {
  url: string | null;
  secret: string | null;
  /** Whether all kinds of notification that Russet understands are subscribed. */
  complete: boolean;
}

/** What can be told of a notification without looking into it. */
export interface NotificationHead {
  /** Apple's notificationId; empty when it has none. */
  id: string;
  /** Apple's word for its kind. */
  type: string;
  /** What may be stored of it: all but codes of invitations. */
  body: string;
}

/** What Apple tells by itself (fact sheet §13). */
export type AppleNews =
  /** Apple tries the webhook. */
  | { kind: 'TEST' }
  /** Seats were bought, moved or refunded. How many it says is no number to count with: they are read. */
  | { kind: 'SEATS'; adamId: string }
  /** Items of an event are done or have failed; one event is told in many pieces. */
  | {
      kind: 'WRITE';
      eventId: string;
      action: 'ASSOCIATE' | 'DISASSOCIATE' | 'REVOKE';
      /** Why all of the items failed; null when they are done. */
      failure: WriteFailure | null;
      items: AssignmentRow[];
    }
  /** People of the library were changed, or accepted their invitation. */
  | { kind: 'USERS'; failure: WriteFailure | null; users: LibraryUser[] }
  /** Seats of subscriptions were bought, given or taken back, or a period ended; with its event where a write did it. */
  | { kind: 'SEAT_NEWS'; eventId: string | null }
  /** A kind that Russet does not know. */
  | { kind: 'OTHER' }
  /** A known kind in a shape that Russet does not know. */
  | { kind: 'UNREADABLE'; reason: string };

/** Reads what Apple posts. */
export interface NotificationReader {
  /** Null for anything that is no JSON object. */
  notificationHead(body: string): NotificationHead | null;
  /** `uId` is the library that it is about, where it says so. */
  notificationNews(body: string): { uId: string | null; news: AppleNews };
}

/** A pause that all processes keep together. */
export interface SharedPause {
  /** When it is over; null when there never was one. */
  until(): Promise<Date | null>;
  /** Makes it end at that moment at the earliest. */
  extend(until: Date): Promise<void>;
}

/** Apple's library service. Every method may throw {@link AppleFailure}; none of them repeats a write by itself. */
export interface AppleLibrary extends NotificationReader {
  /** What the library is; the only proof that a token still works. */
  describe(credential: Credential, signal?: AbortSignal): Promise<LibraryDescription>;
  /** Writes our name on the library. */
  claim(credential: Credential, holder: LibraryHolder): Promise<LibraryDescription>;
  /** Where Apple posts what happens in the library. */
  readSubscription(credential: Credential): Promise<StoredSubscription>;
  /** Tells Apple where to post, and writes our name again. Apple calls the webhook before it answers; REJECTED with 9728 when that fails. */
  subscribe(credential: Credential, holder: LibraryHolder, subscription: Subscription): Promise<void>;
  /** Tells Apple to post nothing more, and writes our name again. */
  unsubscribe(credential: Credential, holder: LibraryHolder): Promise<void>;
  /**
   * Current limits; answered without a token, cached for five minutes unless `fresh`. With `since` an answer that was
   * asked for before that moment is not good enough.
   */
  limits(options?: { fresh?: boolean; since?: Date }): Promise<AppleLimits>;
  readAssets(credential: Credential, query: PageQuery): Promise<Page<AssetRow>>;
  readAssignments(credential: Credential, query: PageQuery): Promise<Page<AssignmentRow>>;
  readUsers(credential: Credential, query: PageQuery): Promise<Page<LibraryUser>>;
  createUsers(credential: Credential, users: readonly UserWrite[]): Promise<AcceptedWrite>;
  updateUsers(credential: Credential, users: readonly UserWrite[]): Promise<AcceptedWrite>;
  retireUsers(credential: Credential, users: readonly Pick<UserWrite, 'clientUserId'>[]): Promise<AcceptedWrite>;
  /** The address that an invited user opens. Asks for no token; cached like the limits. */
  invitationUrl(inviteCode: string): Promise<string>;
  associate(credential: Credential, write: LicenseWrite): Promise<AcceptedWrite>;
  disassociate(credential: Credential, write: LicenseWrite): Promise<AcceptedWrite>;
  /** Declares to Apple that seat subscriptions of the library are managed here, or no longer are. */
  setSeatManagement(credential: Credential, enabled: boolean): Promise<SeatManagement>;
  readSeatSubscriptions(credential: Credential, query: CursorQuery): Promise<CursorPage<SeatSubscriptionNumbers>>;
  readSeats(credential: Credential, query: CursorQuery): Promise<CursorPage<SeatHolding>>;
  assignSeats(credential: Credential, write: SeatWrite, renewing: boolean): Promise<AcceptedWrite>;
  /** `deferred`: at the end of the period, not now. */
  removeSeats(credential: Credential, write: SeatWrite, deferred: boolean): Promise<AcceptedWrite>;
  writeStatus(credential: Credential, eventId: string): Promise<WriteStatus>;
}

/** What went wrong at Apple, by what has to be done about it (fact sheet §2.3 and §14). */
export type AppleFailureKind =
  /** 9621: the token is past its date. */
  | 'TOKEN_EXPIRED'
  /** 9625: Apple revoked it. */
  | 'TOKEN_REVOKED'
  /** 9622 and other unusable credentials. */
  | 'TOKEN_INVALID'
  /** 9637, 9645, 9647 and any other 403: reading may go on, writing may not. */
  | 'TOKEN_READ_ONLY'
  /** 429 or 9646. */
  | 'RATE_LIMITED'
  /** 5xx, 9603, 9644, 9729, no connection, or an answer that is not JSON; the request certainly or possibly did nothing. */
  | 'UNAVAILABLE'
  /** A write whose answer never came: it may have been applied. */
  | 'UNKNOWN_OUTCOME'
  /** 9700–9702 and 9714: more than today's limits allow. */
  | 'LIMIT_EXCEEDED'
  /** 9650, 9721 or 9812: the sweep has to start again. */
  | 'SWEEP_LOST'
  /** 9708: Apple no longer knows the event. */
  | 'EVENT_UNKNOWN'
  /** Any other refusal of this very request. */
  | 'REJECTED';

/** Data of an {@link AppleFailure}. */
export interface AppleFailureOptions {
  /** Apple's errorNumber, where the answer had one. */
  appleErrorNumber?: number | undefined;
  /** HTTP status, where there was an answer. */
  httpStatus?: number | undefined;
  /** Milliseconds that Apple asks to wait (Retry-After, both forms). */
  retryAfter?: number | undefined;
  /** What Apple named beside the error. */
  failures?: WriteFailure | undefined;
  cause?: unknown;
}

/** Apple refused, or could not be reached. Holds no part of a credential. */
export class AppleFailure extends Error {
  override readonly name = 'AppleFailure';
  readonly kind: AppleFailureKind;
  readonly appleErrorNumber: number | undefined;
  readonly httpStatus: number | undefined;
  readonly retryAfter: number | undefined;
  readonly failures: WriteFailure | undefined;

  constructor(kind: AppleFailureKind, message: string, options: AppleFailureOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.kind = kind;
    this.appleErrorNumber = options.appleErrorNumber;
    this.httpStatus = options.httpStatus;
    this.retryAfter = options.retryAfter;
    this.failures = options.failures;
  }

  /** The same failure with another wait. Milliseconds. */
  withRetryAfter(retryAfter: number): AppleFailure {
    const { appleErrorNumber, httpStatus, failures, cause } = this;
    return new AppleFailure(this.kind, this.message, { appleErrorNumber, httpStatus, failures, cause, retryAfter });
  }
}

/** What a storefront says of one app on one platform. Null where it does not say. */
export interface MetadataVariant {
  adamId: string;
  /** `ios`, `osx` or `appletvos`. */
  platform: string;
  name: string | null;
  bundleId: string | null;
  /** An address with `{w}`, `{h}` and `{f}` to fill in. */
  iconTemplate: string | null;
  version: string | null;
  externalVersionId: string | null;
  minimumOsVersion: string | null;
  deviceFamilies: string[];
  artistName: string | null;
  price: number | null;
  priceFormatted: string | null;
  currency: string | null;
  storeUrl: string | null;
  customApp: boolean;
}

/** Where names, icons and versions come from (fact sheet §16). */
export interface MetadataSource {
  /**
   * Looks up apps in one storefront. Ids that it does not know are absent from the answer.
   * `credential` opens custom and withdrawn apps of the library.
   */
  lookup(query: {
    adamIds: string[];
    /** ISO 3166-1 alpha-2, upper case. */
    storefront: string;
    accountType: 'BUSINESS' | 'EDUCATION';
    credential: Credential;
  }): Promise<MetadataVariant[]>;
}
