/** Apple's error numbers with their HTTP status and texts in our own words. @module */

/** What one error number means. */
export interface ErrorEntry {
  /** HTTP status when it is answered at once. */
  status: number;
  message: string;
}

/** The JSON of an error. */
export interface ErrorBody {
  errorNumber: number;
  errorMessage: string;
  errorInfo?: ErrorInfo;
}

/** Which elements of a request an error concerns; assets and targets are listed apart. */
export interface ErrorInfo {
  assets?: { adamId: string; pricingParam: string }[];
  clientUserIds?: string[];
  serialNumbers?: string[];
}

const table: Record<number, readonly [status: number, message: string]> = {
  9601: [401, 'A login is required.'],
  9602: [400, 'An argument is not valid.'],
  9603: [500, 'Something went wrong inside the service.'],
  9609: [400, 'No registered user was found.'],
  9616: [400, 'The license is assigned already.'],
  9619: [400, 'The license is not associated.'],
  9621: [401, 'The content token has expired.'],
  9622: [200, 'The content token is not valid.'],
  9623: [400, 'The push token is not valid.'],
  9625: [401, 'The content token was revoked.'],
  9634: [410, 'This service no longer exists.'],
  9635: [400, 'The Apple Account cannot be linked.'],
  9637: [403, 'This account may not perform the operation.'],
  9641: [400, 'The Apple Account is linked to another user.'],
  9643: [400, 'A pending transfer locks the licenses.'],
  9644: [503, 'The service is under maintenance.'],
  9645: [403, "Apple's built-in device management controls this organizational unit."],
  9646: [429, 'The organization sent too many requests.'],
  9647: [403, 'A legacy token is not accepted.'],
  9650: [400, 'The page index is out of range.'],
  9700: [400, 'The request names too many assets.'],
  9701: [400, 'The request names too many users.'],
  9702: [400, 'The request names too many serial numbers.'],
  9703: [400, 'The request names an asset twice.'],
  9704: [400, 'The request names a user twice.'],
  9705: [400, 'The request names a serial number twice.'],
  9706: [400, 'An asset cannot be taken back.'],
  9707: [400, 'An asset cannot be assigned to a device.'],
  9708: [400, 'The event is not known.'],
  9709: [400, 'There are not enough licenses.'],
  9710: [400, 'A notification URL and its token must come together.'],
  9711: [400, 'The notification URL or token is too long.'],
  9712: [400, 'The notification URL is not valid.'],
  9713: [400, 'The metadata of mdmInfo is too long.'],
  9714: [400, 'The request names too many users to manage.'],
  9715: [400, 'The request names a user to manage twice.'],
  9716: [400, 'An active user with this clientUserId exists.'],
  9717: [400, 'An e-mail address is not valid.'],
  9718: [400, 'The request names no assets.'],
  9719: [400, 'The request names neither users nor serial numbers.'],
  9720: [400, 'The request names no users.'],
  9721: [400, 'The version is not valid.'],
  9722: [401, 'The Authorization header is malformed.'],
  9723: [400, 'mdmInfo needs id, name and metadata.'],
  9724: [400, 'The id of mdmInfo is too long.'],
  9725: [400, 'The name of mdmInfo is too long.'],
  9726: [405, 'The HTTP method is not allowed here.'],
  9727: [415, 'The content type must be application/json.'],
  9728: [400, 'The notification URL did not answer the test.'],
  9729: [503, 'The service is unavailable for the moment.'],
  9811: [400, 'The subscription cannot be associated.'],
  9812: [400, 'The cursor is not valid.'],
  9813: [400, 'The subscription is not known.'],
  9814: [400, 'The user is not linked to an Apple Account.'],
  9815: [400, 'The subscription is not assigned to the user.'],
  9816: [400, 'The request names too many subscriptions or users.'],
  9817: [400, 'The user holds the subscription through a group.'],
  9818: [400, 'Subscriptions exist and cannot be disabled.'],
};

/** What a number means; an unknown one is a 400 that says so. */
export function errorEntry(errorNumber: number): ErrorEntry {
  const [status, message] = table[errorNumber] ?? [400, `Error ${errorNumber}.`];
  return { status, message };
}

/** The body of an error. */
export function errorBody(errorNumber: number, errorInfo?: ErrorInfo): ErrorBody {
  const body: ErrorBody = { errorNumber, errorMessage: errorEntry(errorNumber).message };
  return errorInfo ? { ...body, errorInfo } : body;
}

/** The list that `service/config` publishes. */
export function publishedErrors(): ErrorBody[] {
  return Object.keys(table).map((number) => errorBody(Number(number)));
}
