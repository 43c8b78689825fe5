import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type DeviceRequest, type MdmAccess, MdmFailure } from '../../src/domain/mdm-ports.ts';
import { readPlist } from '../../src/lib/plist.ts';
import { createNanoMdm } from '../../src/mdm/nanomdm/client.ts';

/** What the next call is answered with, and what was called. */
interface Scripted {
  status?: number;
  body?: object | string;
  hang?: true;
  cut?: true;
}
let script: Scripted[] = [];
let calls: { method: string; url: string; authorization: string; body: string }[] = [];

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { method = '', url = '' } = request;
    calls.push({
      method,
      url,
      authorization: request.headers.authorization ?? '',
      body: Buffer.concat(chunks).toString(),
    });
    const { status = 200, body = {}, hang, cut } = script.shift() ?? {};
    if (hang) return;
    if (cut) return void response.destroy();
    response.writeHead(status, status >= 300 && status < 400 ? { location: '/elsewhere' } : {});
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
});
let access: MdmAccess;
const mdm = createNanoMdm();
const hasty = createNanoMdm({ timeouts: { enqueue: 100, push: 100, test: 100 } });
const inform = { uuid: 'U1', request: { kind: 'DEVICE_INFORMATION' }, push: true } as const;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  access = { baseUrl, pathPrefix: '/v1/', userName: 'nanomdm', apiKey: 'käy' };
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

function answer(...answers: Scripted[]): void {
  script = answers;
  calls = [];
}

const done = { accepted: true, pushProblem: null, refusal: null };

describe('§5.1 NanoMDM: the JSON decides, whatever the HTTP status is', () => {
  const cases: [string, Scripted, object][] = [
    ['queued and woken', { body: { status: { a: { push_result: 'x' } }, command_uuid: 'U1' } }, { a: done, b: done }],
    ['queued without a push', { body: { no_push: true, command_uuid: 'U1' } }, { a: done, b: done }],
    [
      '500 because no push certificate is there: queued all the same',
      { status: 500, body: { push_error: 'no cert', command_uuid: 'U1' } },
      { a: { ...done, pushProblem: 'no cert' }, b: { ...done, pushProblem: 'no cert' } },
    ],
    [
      '207 with a push error of one',
      {
        status: 207,
        body: { status: { a: { push_error: 'BadDeviceToken' }, b: { push_result: 'x' } }, command_uuid: 'U1' },
      },
      { a: { ...done, pushProblem: 'BadDeviceToken' }, b: done },
    ],
    [
      'a command that is known was taken before',
      { status: 500, body: { command_error: 'command already exists: U1', command_uuid: 'U1' } },
      { a: done, b: done },
    ],
    [
      'the same in the words of PostgreSQL',
      {
        status: 500,
        body: {
          command_error: 'pq: duplicate key value violates unique constraint "commands_pkey"',
          command_uuid: 'U1',
        },
      },
      { a: done, b: done },
    ],
    [
      'the same in the words of MySQL',
      { status: 500, body: { command_error: "Error 1062 (23000): Duplicate entry 'U1' for key 'commands.PRIMARY'" } },
      { a: done, b: done },
    ],
    [
      'a batch that is refused for one device',
      { status: 500, body: { command_error: 'violates foreign key constraint', command_uuid: 'U1' } },
      {
        a: { accepted: false, pushProblem: null, refusal: 'violates foreign key constraint' },
        b: { accepted: false, pushProblem: null, refusal: 'violates foreign key constraint' },
      },
    ],
    [
      'one that is refused',
      { status: 207, body: { status: { a: { command_error: 'no' } }, command_uuid: 'U1' } },
      { a: { accepted: false, pushProblem: null, refusal: 'no' }, b: done },
    ],
  ];
  test.each(cases)('%s', async (_name, reply, expected) => {
    answer(reply);
    const enqueued = await mdm.enqueue(access, inform, ['a', 'b']);
    expect(Object.fromEntries(enqueued)).toEqual(expected);
  });

  const failures: [string, Scripted, Partial<MdmFailure>][] = [
    ['a wrong key', { status: 401, body: 'Unauthorized' }, { kind: 'UNAUTHORIZED', problem: 'UNAUTHORIZED' }],
    ['a wrong prefix', { status: 404, body: '404 page not found' }, { kind: 'REJECTED', problem: 'WRONG_PREFIX' }],
    ['a redirect is not followed', { status: 301 }, { kind: 'REJECTED', problem: 'REDIRECTED' }],
    ['a page', { body: '<html>' }, { kind: 'REJECTED', problem: 'NOT_NANOMDM' }],
    ['an empty object', { body: {} }, { kind: 'REJECTED', problem: 'NOT_NANOMDM' }],
    ['a busy proxy', { status: 503, body: 'busy' }, { kind: 'UNAVAILABLE', problem: 'SERVER_ERROR' }],
    ['a proxy that gave up', { status: 504, body: 'late' }, { kind: 'UNKNOWN_OUTCOME', problem: 'SERVER_ERROR' }],
    ['no answer in time', { hang: true }, { kind: 'UNKNOWN_OUTCOME', problem: 'NO_ANSWER' }],
    ['a connection that breaks', { cut: true }, { kind: 'UNKNOWN_OUTCOME', problem: 'NO_ANSWER' }],
    ['more than is read', { body: `{"command_uuid":"${'x'.repeat(1_100_000)}"}` }, { kind: 'REJECTED' }],
  ];
  test.each(failures)('%s', async (_name, reply, expected) => {
    answer(reply);
    const driver = reply.hang ? hasty : mdm;
    const failure = await driver.enqueue(access, inform, ['a']).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(MdmFailure);
    expect(failure).toMatchObject(expected);
    expect(calls).toHaveLength(1);
    expect(JSON.stringify({ ...(failure as object), text: (failure as Error).stack })).not.toMatch(/käy|U1/);
  });

  test('where fetch takes no guard, nothing is sent, and it says so', async () => {
    const shared = Symbol.for('undici.globalDispatcher.1');
    const globals = globalThis as unknown as Record<symbol, object>;
    await fetch(access.baseUrl).catch(() => {});
    const usual = globals[shared]!;
    onTestFinished(() => {
      globals[shared] = usual;
    });
    globals[shared] = new (class ProxyOfTheEnvironment {})();
    calls = [];
    await expect(createNanoMdm().enqueue(access, inform, ['A'])).rejects.toMatchObject({
      kind: 'UNAVAILABLE',
      problem: 'UNREACHABLE',
    });
    expect(calls).toEqual([]);
  });

  test('nobody there, and a name that leads nowhere', async () => {
    // Port 9 is one that fetch never opens; 127.0.0.2 has nobody at the port of ours.
    const port = new URL(access.baseUrl).port;
    for (const baseUrl of ['http://127.0.0.1:9', `http://127.0.0.2:${port}`, 'http://nobody.invalid']) {
      const failure = await mdm.enqueue({ ...access, baseUrl }, inform, ['a']).catch((error: unknown) => error);
      expect(failure, baseUrl).toMatchObject({ kind: 'UNAVAILABLE', problem: 'UNREACHABLE' });
    }
  });
});

describe('§5.1 NanoMDM: calls', () => {
  test('prefix, user, key, ids and nopush as the server wants them', async () => {
    answer({ body: { command_uuid: 'U1' } }, { body: { command_uuid: 'U1' } });
    await mdm.enqueue(access, inform, ['A:b c', 'D']);
    const hub = { ...access, baseUrl: `${access.baseUrl}/`, pathPrefix: 'api/v1/nanomdm', userName: 'nanohub' };
    await mdm.enqueue(hub, { ...inform, push: false }, ['D']);
    expect(calls.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'PUT /v1/enqueue/A%3Ab%20c,D',
      'PUT /api/v1/nanomdm/enqueue/D?nopush=1',
    ]);
    const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
    expect(calls.map((call) => call.authorization)).toEqual([basic('nanomdm:käy'), basic('nanohub:käy')]);
  });

  test.each(['', 'a,b', 'a/../b', '..', 'a%2Cb', ' a', 'a\n'])(
    'an id like %j is never put into an address',
    async (id) => {
      answer();
      await expect(mdm.enqueue(access, inform, ['a', id])).rejects.toMatchObject({ kind: 'REJECTED' });
      expect(calls).toEqual([]);
    },
  );

  test('at most 100 devices a call', async () => {
    const ids = Array.from({ length: 101 }, (_, n) => String(n));
    await expect(mdm.enqueue(access, inform, ids)).rejects.toThrow(RangeError);
  });

  test('a push tells who could not be woken', async () => {
    answer(
      { status: 207, body: { status: { a: { push_result: 'x' }, b: { push_error: 'Unregistered' } } } },
      { status: 500, body: { push_error: 'no cert' } },
    );
    expect([...(await mdm.push(access, ['a', 'b']))]).toEqual([
      ['a', null],
      ['b', 'Unregistered'],
    ]);
    expect([...(await mdm.push(access, ['a']))]).toEqual([['a', 'no cert']]);
    answer({ hang: true });
    await expect(hasty.push(access, ['a'])).rejects.toMatchObject({ kind: 'UNAVAILABLE' });
  });

  test('a test queues nothing: an empty command that must be refused', async () => {
    answer(
      { status: 500, body: { no_push: true, command_error: 'must enqueue or push' } },
      { body: { version: 'v0.9.0' } },
    );
    expect(await mdm.test(access)).toEqual({ version: 'v0.9.0' });
    expect(calls.map(({ method, url, body }) => [method, url, body])).toEqual([
      ['PUT', '/v1/enqueue/russet-test?nopush=1', ''],
      ['GET', '/version', ''],
    ]);
    answer({ status: 500, body: { command_error: 'must enqueue or push' } }, { status: 404, body: 'no' });
    expect(await mdm.test(access)).toEqual({ version: null });
    answer({ body: { command_uuid: 'x' } });
    await expect(mdm.test(access)).rejects.toMatchObject({ problem: 'NOT_NANOMDM' });
  });
});

describe('§5.1 NanoMDM: commands', () => {
  const cases: [DeviceRequest, object][] = [
    [
      { kind: 'INSTALL_APP', adamId: '361309726', takeOver: true, removable: false },
      {
        RequestType: 'InstallApplication',
        iTunesStoreID: 361309726,
        Options: { PurchaseMethod: 1 },
        ManagementFlags: 1,
        ChangeManagementState: 'Managed',
        Attributes: { Removable: false },
      },
    ],
    [
      { kind: 'INSTALL_APP', adamId: '6443843026', takeOver: false, removable: null },
      {
        RequestType: 'InstallApplication',
        iTunesStoreID: 6443843026,
        Options: { PurchaseMethod: 1 },
        ManagementFlags: 1,
      },
    ],
    [
      { kind: 'REMOVE_APP', bundleId: 'a.b' },
      { RequestType: 'RemoveApplication', Identifier: 'a.b' },
    ],
    [
      { kind: 'LIST_MANAGED_APPS', bundleIds: ['a.b'] },
      { RequestType: 'ManagedApplicationList', Identifiers: ['a.b'] },
    ],
    [{ kind: 'LIST_MANAGED_APPS', bundleIds: null }, { RequestType: 'ManagedApplicationList' }],
    [
      { kind: 'INVITE_TO_PROGRAM', vppUserId: '1', invitationUrl: 'https://x.example/?a=1&b=<2>' },
      {
        RequestType: 'InviteToProgram',
        ProgramID: 'com.apple.cloudvpp',
        InvitationURL: 'https://x.example/?a=1&b=<2>',
      },
    ],
  ];
  test.each(cases)('%j', async (request, expected) => {
    answer({ body: { command_uuid: 'U1' } });
    await mdm.enqueue(access, { ...inform, request }, ['a']);
    expect(readPlist(Buffer.from(calls[0]!.body))).toEqual({ CommandUUID: 'U1', Command: expected });
  });

  test('app lists always name what they want; the store id is an integer', async () => {
    answer({ body: { command_uuid: 'U1' } }, { body: { command_uuid: 'U1' } });
    await mdm.enqueue(access, { ...inform, request: { kind: 'LIST_INSTALLED_APPS', bundleIds: null } }, ['a']);
    const { Command } = readPlist(Buffer.from(calls[0]!.body));
    expect(Command).toMatchObject({ Items: expect.arrayContaining(['Version', 'ExternalVersionIdentifier']) });
    const install = { kind: 'INSTALL_APP', adamId: '361309726', takeOver: true, removable: null } as const;
    await mdm.enqueue(access, { ...inform, request: install }, ['a']);
    expect(calls[1]!.body).toContain('<integer>361309726</integer>');
    await expect(mdm.enqueue(access, { ...inform, request: { ...install, adamId: '12x' } }, ['a'])).rejects.toThrow(
      RangeError,
    );
  });
});
