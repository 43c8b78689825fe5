/** Where things are, below the simulator's own address. @module */

/** Root of the service. */
export const serviceRoot = '/mdm/v2';

/** Paths by their key in `urls`. */
export const paths = {
  clientConfig: `${serviceRoot}/client/config`,
  getAssets: `${serviceRoot}/assets`,
  getAssignments: `${serviceRoot}/assignments`,
  createUsers: `${serviceRoot}/users/create`,
  updateUsers: `${serviceRoot}/users/update`,
  retireUsers: `${serviceRoot}/users/retire`,
  getUsers: `${serviceRoot}/users`,
  associateAssets: `${serviceRoot}/assets/associate`,
  disassociateAssets: `${serviceRoot}/assets/disassociate`,
  revokeAssets: `${serviceRoot}/assets/revoke`,
  eventStatus: `${serviceRoot}/status`,
} as const;

/** Subscriptions; Apple publishes no `urls` for them. */
export const subscriptionPaths = {
  list: `${serviceRoot}/subscriptions`,
  assignments: `${serviceRoot}/subscriptions/assignments`,
  admins: `${serviceRoot}/subscriptions/admins`,
  enable: `${serviceRoot}/subscriptions/enable`,
  disable: `${serviceRoot}/subscriptions/disable`,
  associate: `${serviceRoot}/subscriptions/associate`,
  disassociate: `${serviceRoot}/subscriptions/disassociate`,
  addAdmins: `${serviceRoot}/subscriptions/admins/add`,
  removeAdmins: `${serviceRoot}/subscriptions/admins/remove`,
} as const;

/** The one call that needs no token. */
export const serviceConfigPath = `${serviceRoot}/service/config`;

/** The legacy metadata lookup. */
export const lookupPath = '/WebObjects/MZStorePlatform.woa/wa/lookup';

/** The public store lookup. */
export const publicLookupPath = '/lookup';

/** Apps and Books for Organizations. */
export const catalogPath = '/v1/catalog';

/** Icons that the simulator draws. */
export const iconsPath = '/icons';

/** Control of the simulator; Apple has nothing there. */
export const adminPath = '/_admin';
