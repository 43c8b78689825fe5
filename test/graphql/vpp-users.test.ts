import { type GraphQLInputObjectType, isInputObjectType } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sealInvitation } from '../../src/domain/vpp-user/invitation-seal.ts';
import { globalId } from '../../src/graphql/ids.ts';
import { buildSchema } from '../../src/graphql/schema.ts';
import { startApi, type TestApi } from '../http/support/api.ts';
import { addToken } from './rows.ts';

const schema = buildSchema();

describe('S20 S21 licenses of apps for people are deprecated, people and books are not', () => {
  const inputs = ['LicenseTargetInput', 'RevokeTargetInput'].map((name) => schema.getType(name));

  test('S20 vppUserIds of both targets carry @deprecated', () => {
    for (const input of inputs) {
      if (!isInputObjectType(input)) throw new Error('no input');
      expect(input.getFields().vppUserIds!.deprecationReason).toBeTruthy();
    }
  });

  test('S21 the reason names the three advantages of a device license', () => {
    const reason = (inputs[0] as GraphQLInputObjectType).getFields().vppUserIds!.deprecationReason!;
    expect(reason).toMatch(/nobody needs an Apple Account/);
    expect(reason).toMatch(/nobody has to be invited/);
    expect(reason).toMatch(/given to a device whoever uses it/);
  });

  test('S20 nothing else about people or books is deprecated', () => {
    const fields = schema.getMutationType()!.getFields();
    for (const name of ['createVppUsers', 'inviteVppUsers', 'retireVppUsers', 'assignBooks'])
      expect(fields[name]!.deprecationReason).toBeUndefined();
  });
});

describe('G9 who may see what of people', () => {
  let api: TestApi;
  let organizationId: bigint;
  let id: string;
  beforeAll(async () => {
    api = await startApi();
    api.services.apple = { ...api.services.apple, invitationUrl: async (code) => `https://example.test/?code=${code}` };
    organizationId = await api.organization();
    const token = await addToken(api.services.prisma, organizationId);
    const { jwe, keyId, mark } = await sealInvitation(
      api.services,
      { organizationId, tokenId: token.id, clientUserId: 'u-1' },
      '0123456789abcdef0123456789abcdef',
    );
    const at = api.clock.now();
    const user = await api.services.prisma.vppUser.create({
      data: {
        organizationId,
        tokenId: token.id,
        clientUserId: 'u-1',
        status: 'REGISTERED',
        email: 'ida@example.org',
        inviteJwe: jwe,
        inviteKeyId: keyId,
        inviteMark: mark,
        createdAt: at,
        updatedAt: at,
      },
    });
    id = globalId('VppUser', user.id);
  });
  afterAll(() => api.close());

  const question = `query($id: ID!) { node(id: $id) { ... on VppUser { clientUserId status email invitation { code url } } } }`;

  test('S23 an invitation is shown to who may write users, and to nobody else', async () => {
    const writer = await api.key(organizationId, 'APPSTORE_MANAGER', ['licenses:read', 'users:read', 'users:write']);
    const { data } = await api.ask(writer, question, { id });
    expect(data.node).toMatchObject({
      email: 'ida@example.org',
      invitation: {
        code: '0123456789abcdef0123456789abcdef',
        url: 'https://example.test/?code=0123456789abcdef0123456789abcdef',
      },
    });

    const reader = await api.key(organizationId, 'APPSTORE_MANAGER', ['licenses:read', 'users:read']);
    const seen = await api.ask(reader, question, { id });
    expect(seen.data.node).toMatchObject({ email: 'ida@example.org', invitation: null });
    expect(seen.errors).toMatchObject([{ extensions: { code: 'FORBIDDEN', required: 'users:write' } }]);
    expect(JSON.stringify(seen)).not.toContain('0123456789abcdef');
  });

  test('S23 who may read licenses only sees that somebody holds one, and neither name nor address', async () => {
    const licenses = await api.key(organizationId, 'APPSTORE_MANAGER', ['licenses:read']);
    const { data } = await api.ask(licenses, question, { id });
    expect(data.node).toMatchObject({ clientUserId: 'u-1', status: 'REGISTERED', email: null, invitation: null });
    const list = await api.ask(licenses, '{ vppUsers(first: 1) { totalCount } }');
    expect(list.errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
  });

  test('S23 the list is searched and filtered', async () => {
    const key = await api.key(organizationId);
    const ask = async (args: string) =>
      (
        await api.ask(
          key,
          `{ vppUsers(first: 5, ${args}) { totalCount edges { node { clientUserId history(first: 10) { edges { node { status } } } } } } }`,
        )
      ).data.vppUsers;
    expect(await ask('search: "IDA@"')).toMatchObject({ totalCount: 1, edges: [{ node: { clientUserId: 'u-1' } }] });
    expect(await ask('search: "nobody"')).toMatchObject({ totalCount: 0 });
    expect(await ask('statuses: [RETIRED]')).toMatchObject({ totalCount: 0 });
    expect(await ask('statuses: [REGISTERED, UNKNOWN]')).toMatchObject({ totalCount: 1 });
  });
});
