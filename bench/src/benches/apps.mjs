/** 50 apps with their counts, and those of each of three tokens. @module */
import { againstPostGraphile } from '../lib/against-postgraphile.mjs';

export const title = 'Page of purchased apps';

/** @type {import('../lib/against-postgraphile.mjs').Page} */
const page = {
  name: 'page of 50 purchased apps × 3 tokens with counts',
  least: 2,
  ours: {
    field: 'apps',
    cursor: 'String',
    node: `
        id adamId name version status
        licenses { total available used pending }
        pools { id total available used token { id label } }`,
  },
  theirs: {
    field: 'allApps',
    cursor: 'Cursor',
    args: ', condition: { organizationId: "1" }, orderBy: [NAME_ASC, PRIMARY_KEY_ASC]',
    node: `
        id adamId name version status
        seats { total available used pending }
        licensePoolsByOrganizationIdAndAppId(orderBy: PRIMARY_KEY_ASC) {
          nodes { id total available used libraryByOrganizationIdAndTokenId { id label } }
        }`,
  },
  ofOurs: (nodes) =>
    nodes.map((node) => [
      ...appFields(node),
      ...Object.values(node.licenses),
      node.pools.map((pool) => [pool.total, pool.available, pool.used, pool.token.label]),
    ]),
  ofTheirs: (nodes) =>
    nodes.map((node) => [
      ...appFields(node),
      ...Object.values(node.seats).map(Number),
      node.licensePoolsByOrganizationIdAndAppId.nodes.map((pool) => [
        ...[pool.total, pool.available, pool.used].map(Number),
        pool.libraryByOrganizationIdAndTokenId.label,
      ]),
    ]),
};

const appFields = (/** @type {any} */ { adamId, name, version, status }) => [adamId, name, version, status];

/** @param {import('../lib/types.mjs').Bench} bench */
export const run = (bench) => againstPostGraphile(bench, page);
