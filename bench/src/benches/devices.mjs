/** 50 devices with the ten licenses of each, their apps and tokens. @module */
import { againstPostGraphile } from '../lib/against-postgraphile.mjs';

export const title = 'Page of devices';

/** @type {import('../lib/against-postgraphile.mjs').Page} */
const page = {
  name: 'page of 50 devices × 10 licenses with app and token',
  least: 1.5,
  ours: {
    field: 'devices',
    cursor: 'String',
    node: `
        id serialNumber name family osVersion
        licenses(first: 10) {
          edges { node { id state since app { id adamId name } token { id label } } }
        }`,
  },
  theirs: {
    field: 'allDevices',
    cursor: 'Cursor',
    args: ', condition: { organizationId: "1", origin: LIST, removedAt: null }',
    node: `
        id serialNumber name family osVersion
        licensesByOrganizationIdAndDeviceId(first: 10, condition: { endedAt: null }) {
          edges {
            node {
              id state startedAt
              appByOrganizationIdAndAppId { id adamId name }
              libraryByOrganizationIdAndTokenId { id label }
            }
          }
        }`,
  },
  ofOurs: (nodes) =>
    nodes.map((node) => [
      ...deviceFields(node),
      node.licenses.edges.map(({ node: license }) => [
        ...licenseFields(license, license.since),
        ...[license.app.adamId, license.app.name, license.token.label],
      ]),
    ]),
  ofTheirs: (nodes) =>
    nodes.map((node) => [
      ...deviceFields(node),
      node.licensesByOrganizationIdAndDeviceId.edges.map(({ node: license }) => [
        ...licenseFields(license, license.startedAt),
        license.appByOrganizationIdAndAppId.adamId,
        license.appByOrganizationIdAndAppId.name,
        license.libraryByOrganizationIdAndTokenId.label,
      ]),
    ]),
};

const deviceFields = (/** @type {any} */ { serialNumber, name, family, osVersion }) => [
  ...[serialNumber, name, family, osVersion],
];
const licenseFields = (/** @type {any} */ { state }, /** @type {string} */ since) => [state, Date.parse(since)];

/** @param {import('../lib/types.mjs').Bench} bench */
export const run = (bench) => againstPostGraphile(bench, page);
