import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApi, type TestApi } from '../http/support/api.ts';
import { addToken } from './rows.ts';

let api: TestApi;
let organizationId: bigint;
beforeAll(async () => {
  api = await startApi();
  organizationId = await api.organization();
  const { prisma, clock } = api.services;
  await prisma.installation.create({ data: { id: 1, marker: 'another-installation', createdAt: clock.now() } });
  await addToken(prisma, organizationId);
});
afterAll(() => api.close());

const look =
  '{ viewer { installation { marker } } tokens(first: 1) { edges { node { state usable holdings { total } } } } }';
const confirm = `mutation { confirmInstallation(input: { confirm: true }) { __typename
  ... on ConfirmInstallationPayload { changed installation { marker } } ... on UserError { code message } } }`;
const seen = async (key: string) => {
  const { data } = await api.ask(key, look);
  return { marker: data.viewer.installation.marker, ...data.tokens.edges[0].node };
};

test('F7 a copied database says so on the installation and its tokens, until an administrator confirms it once', async () => {
  const key = await api.key(organizationId);
  const holdings = { total: 0 };
  expect(await seen(key)).toEqual({ marker: 'FOREIGN', state: 'ACTIVE', usable: false, holdings });
  const manager = await api.key(organizationId, 'APPSTORE_MANAGER');
  expect((await api.ask(manager, confirm)).errors?.[0]?.extensions.code).toBe('FORBIDDEN');
  expect((await api.ask(key, confirm)).data.confirmInstallation).toEqual({
    __typename: 'ConfirmInstallationPayload',
    changed: true,
    installation: { marker: 'UNMARKED' },
  });
  expect(await seen(key)).toEqual({ marker: 'UNMARKED', state: 'ACTIVE', usable: true, holdings });
  expect((await api.ask(key, confirm)).data.confirmInstallation).toMatchObject({ changed: false });
  await api.organization('Second');
  await api.services.prisma.installation.updateMany({ data: { marker: 'another-installation' } });
  expect((await api.ask(key, confirm)).data.confirmInstallation).toMatchObject({ code: 'INVALID_INPUT' });
});
