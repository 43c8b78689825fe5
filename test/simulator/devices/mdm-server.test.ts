/** The MDM server of the simulator, row by row of what was seen of NanoMDM (MDM sheet §4.1). @module */
import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { command, listenForEvents, mdmBench, rawDevice } from './support.ts';

const a = '00008030-000000000000000A';
const b = '00008030-000000000000000B';

async function enrolled(settings: Parameters<typeof mdmBench>[0] = {}, ids = [a, b]) {
  const bench = await mdmBench(settings);
  const devices = ids.map((id) => bench.device(id));
  for (const device of devices) await device.enroll();
  return { ...bench, one: devices[0]!, other: devices[1]! };
}

describe('F8 the simulated MDM server: its door', () => {
  it('F8 wants the API key, and tells its version to anybody', async () => {
    const { api, access } = await mdmBench();
    const refused = await api(`/enqueue/${a}`, { key: 'wrong', body: command('1') });
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Basic realm="nanomdm"']);
    const version = await fetch(`${access.baseUrl}/version`);
    expect(await version.json()).toEqual({ version: expect.any(String) });
  });

  it('F8 has no API at all without a key, and NanoHUB has another prefix and user', async () => {
    const { api, admin, access } = await mdmBench({ mdm: { apiKey: null } });
    expect((await api(`/push/${a}`)).status).toBe(404);
    admin.setOptions({ mdm: { apiKey: 'key', flavor: 'nanohub' } });
    expect(admin.mdm.access()).toMatchObject({ userName: 'nanohub', pathPrefix: '/api/v1/nanomdm', apiKey: 'key' });
    expect((await api(`/enqueue/${a}?nopush=1`, { body: command('1') })).status).toBe(200);
    const old = await fetch(`${access.baseUrl}/v1/enqueue/${a}`, { method: 'PUT', body: command('2') });
    expect(old.status).toBe(404);
  });

  it('F8 takes a device only with a certificate of its own', async () => {
    const { access, device } = await mdmBench();
    expect((await rawDevice(access.doorUrl, a, '').authenticate()).status).toBe(400);
    expect((await device(a).idle()).status).toBe(500);
    expect((await device(a).authenticate()).status).toBe(200);
    expect((await rawDevice(access.doorUrl, b, `:${Buffer.from(a).toString('base64')}:`).authenticate()).status).toBe(
      500,
    );
    expect((await rawDevice(access.doorUrl, a, `:${Buffer.from('new').toString('base64')}:`).idle()).status).toBe(500);
  });
});

describe('F8 the simulated MDM server: enqueue', () => {
  it('F8 queues without a push for any text in nopush, by any method', async () => {
    const { api, one } = await enrolled();
    for (const [uuid, query, method] of [
      ['1', 'nopush=1', 'PUT'],
      ['2', 'nopush=0', 'DELETE'],
    ] as const) {
      const { status, body } = await api(`/enqueue/${a}?${query}`, { body: command(uuid), method });
      expect([status, body]).toEqual([200, { no_push: true, command_uuid: uuid, request_type: 'DeviceInformation' }]);
    }
    expect((await one.idle()).uuid).toBe('1');
  });

  it('F8 pushes unless told not to, and gives one result per device; escaped and stray commas split', async () => {
    const { api, admin } = await enrolled();
    const { status, body } = await api(`/enqueue/${a}%2C${b}`, { body: command('1') });
    expect(status).toBe(200);
    expect(body.status).toEqual({ [a]: { push_result: expect.any(String) }, [b]: { push_result: expect.any(String) } });
    expect(admin.mdm.queue({ id: b })).toEqual([{ uuid: '1', requestType: 'DeviceInformation', notNow: false }]);
    expect((await api(`/enqueue/${a},?nopush=1`, { body: command('2') })).status).toBe(200);
  });

  it('F8 answers 500 with the command queued when there is no push certificate', async () => {
    const { api, one } = await enrolled({ mdm: { pushCertificate: 'missing' } });
    const { status, body } = await api(`/enqueue/${a},${b}`, { body: command('1') });
    expect([status, body.command_uuid, body.command_error, body.status]).toEqual([500, '1', undefined, undefined]);
    expect(body.push_error).toContain('retrieving push cert');
    expect((await one.idle()).uuid).toBe('1');
  });

  it('F8 answers 500, or 207 when some did, with the commands queued when Apple refuses the push', async () => {
    const { api, admin, one } = await enrolled();
    const mixed = await api(`/enqueue/${a},stranger`, { body: command('1') });
    expect(mixed.status).toBe(207);
    expect(mixed.body.status).toEqual({
      [a]: { push_result: expect.any(String) },
      stranger: { push_error: 'push data missing for id' },
    });
    admin.setOptions({ mdm: { pushCertificate: 'refused' } });
    const refused = await api(`/enqueue/${a},${b}`, { body: command('2') });
    expect([refused.status, refused.body.push_error]).toEqual([500, undefined]);
    expect(refused.body.status![b]).toEqual({ push_error: expect.any(String) });
    expect((await one.idle()).uuid).toBe('1');
    expect((await one.report('1', 'Acknowledged')).uuid).toBe('2');
  });

  it('F8 queues for an id that never enrolled, or refuses the whole call with SQL storage', async () => {
    const { api, admin } = await enrolled();
    expect((await api('/enqueue/stranger?nopush=1', { body: command('1') })).status).toBe(200);
    expect((await api('/enqueue/stranger', { body: command('2') })).status).toBe(500);
    expect(admin.mdm.queue({ id: 'stranger' })).toHaveLength(2);
    admin.setOptions({ mdm: { storage: 'sql' } });
    const refused = await api(`/enqueue/${a},stranger?nopush=1`, { body: command('3') });
    expect([refused.status, typeof refused.body.command_error]).toEqual([500, 'string']);
    expect(admin.mdm.queue({ id: a })).toEqual([]);
  });

  it('F8 forgets what waits when an answer comes twice, with key-value storage and if told to', async () => {
    for (const [mdm, waits] of [
      [{}, 1],
      [{ forgetsOnRepeat: true }, 0],
      [{ forgetsOnRepeat: true, storage: 'sql' }, 1],
    ] as const) {
      const { api, admin, one } = await enrolled({ mdm });
      await api(`/enqueue/${a}?nopush=1`, { body: command('1') });
      await api(`/enqueue/${a}?nopush=1`, { body: command('2') });
      await one.report('never given', 'Acknowledged');
      await one.report('1', 'NotNow');
      expect((await one.report('1', 'Acknowledged')).uuid).toBe('2');
      expect(admin.mdm.queue({ id: a })).toHaveLength(1);
      expect((await one.report('1', 'Acknowledged')).uuid).toBe(waits === 1 ? '2' : undefined);
      expect(admin.mdm.queue({ id: a })).toHaveLength(waits);
    }
  });

  it('F8 refuses a CommandUUID that was there before, for any device, even when it is done', async () => {
    const { api, one } = await enrolled();
    await api(`/enqueue/${a}?nopush=1`, { body: command('1') });
    await one.report('1', 'Acknowledged');
    const { status, body } = await api(`/enqueue/${b}`, { body: command('1') });
    expect([status, body]).toEqual([
      500,
      { command_uuid: '1', request_type: 'DeviceInformation', command_error: 'command already exists: 1' },
    ]);
  });

  it('F8 refuses what is no command, nothing at all, and nobody', async () => {
    const { api } = await enrolled();
    const error = async (path: string, body?: string) => {
      const answer = await api(path, { body });
      return [answer.status, answer.body.command_error];
    };
    const noUuid = command('x').replace('CommandUUID', 'Other');
    expect(await error(`/enqueue/${a}`, noUuid)).toEqual([500, 'decoding command: invalid command']);
    expect(await error(`/enqueue/${a}?nopush=1`)).toEqual([500, 'must enqueue or push']);
    expect(await error('/enqueue/', command('1'))).toEqual([500, 'getting enrollment ids: empty path']);
    const onlyPush = await api(`/enqueue/${a}`);
    expect([onlyPush.status, onlyPush.body.status]).toEqual([200, { [a]: { push_result: expect.any(String) } }]);
  });

  it('F8 takes a binary property list as it comes', async () => {
    const { api, one } = await enrolled();
    const { buildBinary } = await import('plist');
    const body = new Uint8Array(buildBinary({ CommandUUID: 'binary', Command: { RequestType: 'ProfileList' } }));
    expect((await api(`/enqueue/${a}?nopush=1`, { body })).body.request_type).toBe('ProfileList');
    expect((await one.idle()).uuid).toBe('binary');
  });

  it('F8 pushes without a command, keeps a push certificate and tells of it', async () => {
    const { api } = await enrolled({ mdm: { pushCertificate: 'missing' } });
    expect((await api(`/push/${a}`, { method: 'GET' })).status).toBe(500);
    expect((await api('/pushcert', { body: 'nonsense' })).status).toBe(400);
    expect((await api('/pushcert?topic=unknown', { method: 'GET' })).status).toBe(500);
  });
});

describe('F8 the simulated MDM server: queue', () => {
  it('F8 gives commands first in first out, and the same one until it is answered', async () => {
    const { api, one } = await enrolled();
    for (const uuid of ['1', '2']) await api(`/enqueue/${a}?nopush=1`, { body: command(uuid) });
    const first = await one.idle();
    expect([first.uuid, first.type]).toEqual(['1', 'text/xml; charset=utf-8']);
    expect((await one.idle()).uuid).toBe('1');
    expect((await one.report('1', 'Error')).uuid).toBe('2');
    const last = await one.report('2', 'CommandFormatError');
    expect([last.status, last.uuid]).toEqual([200, undefined]);
  });

  it('F8 keeps a command after NotNow, skips it in that answer only, and offers it after any other status', async () => {
    const { api, one } = await enrolled();
    for (const uuid of ['1', '2']) await api(`/enqueue/${a}?nopush=1`, { body: command(uuid) });
    expect((await one.report('1', 'NotNow')).uuid).toBe('2');
    expect((await one.report('2', 'NotNow')).uuid).toBeUndefined();
    expect((await one.idle()).uuid).toBe('1');
    expect((await one.report('2', 'Acknowledged')).uuid).toBe('1');
  });

  it('F8 takes answers to commands that it does not know', async () => {
    const { one } = await enrolled();
    expect((await one.report('never', 'Acknowledged')).status).toBe(200);
  });

  it('F8 clears the queue at Authenticate and not at CheckOut, after which it still serves', async () => {
    const { api, one, admin } = await enrolled();
    await api(`/enqueue/${a}?nopush=1`, { body: command('1') });
    await one.checkOut();
    expect((await api(`/enqueue/${a}`, { body: command('2') })).status).toBe(200);
    expect((await one.idle()).uuid).toBe('1');
    await one.authenticate();
    expect(admin.mdm.queue({ id: a })).toEqual([]);
    expect((await one.idle()).uuid).toBeUndefined();
  });
});

describe('F8 the simulated MDM server: events', () => {
  it('F8 tells of each message once, signed, with the raw bytes', async () => {
    const hook = await listenForEvents();
    const { api, one, admin } = await enrolled({ mdm: { webhookUrl: hook.url, webhookHmacKey: 'secret' } }, [a]);
    await api(`/enqueue/${a}?nopush=1`, { body: command('1') });
    await one.idle('?x=1&x=2');
    await one.report('1', 'Acknowledged', { QueryResponses: { OSVersion: '26.1' } });
    await one.checkOut();
    await admin.mdm.settle();
    const told = (topic: string) => hook.caught.map(({ event }) => event).filter((event) => event.topic === topic);
    expect(hook.caught).toHaveLength(5);
    expect(['Authenticate', 'TokenUpdate', 'CheckOut'].map((topic) => told(`mdm.${topic}`).length)).toEqual([1, 1, 1]);
    for (const { raw, signature, contentType, event } of hook.caught) {
      expect(signature).toBe(createHmac('sha256', 'secret').update(raw).digest('base64'));
      expect(contentType).toBe('application/json; charset=utf-8');
      expect(event.event_id).toMatch(/^[0-9a-f]{16}$/);
      expect(event.created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
    }
    expect(told('mdm.TokenUpdate')[0]!.checkin_event).toMatchObject({
      udid: a,
      ids: { id: a, type: 'Device' },
      token_update_tally: 1,
    });
    const reports = told('mdm.Connect').map((event) => event.acknowledge_event!);
    const idle = reports.find(({ status }) => status === 'Idle');
    const answered = reports.find(({ status }) => status === 'Acknowledged');
    expect(idle).toMatchObject({ url_params: { x: '1' } });
    expect(idle).not.toHaveProperty('command_uuid');
    expect(answered).toMatchObject({ command_uuid: '1', udid: a });
    expect(Buffer.from(String(answered!.raw_payload), 'base64').toString()).toContain('<key>OSVersion</key>');
  });

  it('F8 counts only 200 as a success, never tries again, and NanoHUB leaves the event id out', async () => {
    const hook = await listenForEvents((n) => (n === 1 ? 204 : n === 2 ? 500 : 200));
    const { one, admin } = await enrolled({ mdm: { webhookUrl: hook.url, flavor: 'nanohub', webhookConcurrency: 1 } }, [
      a,
    ]);
    await one.idle();
    await admin.mdm.settle();
    expect(admin.mdm.events({ id: a }).map(({ outcome, httpStatus }) => [outcome, httpStatus])).toEqual([
      ['failed', 204],
      ['failed', 500],
      ['ok', 200],
    ]);
    expect(hook.caught).toHaveLength(3);
    expect(hook.caught[0]!.event).not.toHaveProperty('event_id');
    expect(hook.caught[0]!.signature).toBeUndefined();
  });

  it('F8 tells of a message that its core refused, and of none without a certificate', async () => {
    const hook = await listenForEvents();
    const { one, access, admin } = await enrolled({ mdm: { webhookUrl: hook.url } }, [a]);
    expect((await one.put({ MessageType: 'DeclarativeManagement', Endpoint: 'tokens' }, true)).status).toBe(500);
    await rawDevice(access.doorUrl, b, '').idle();
    await admin.mdm.settle();
    expect(hook.caught.map(({ event }) => event.topic)).toContain('mdm.DeclarativeManagement');
    expect(hook.caught).toHaveLength(3);
  });

  it('F8 loses, doubles and reorders events by the seed', async () => {
    const hook = await listenForEvents();
    const { one, admin } = await enrolled({ mdm: { webhookUrl: hook.url, webhookConcurrency: 1 }, seed: 3 }, [a]);
    await admin.mdm.settle();
    const mark = hook.caught.length;
    admin.setOptions({ mdm: { webhookDrop: 0.3, webhookDuplicate: 0.3, webhookReorder: 0.3 } });
    for (let n = 0; n < 30; n++) await one.report(String(n), 'Acknowledged');
    await admin.mdm.settle();
    const told = hook.caught.slice(mark).map(({ event }) => Number(event.acknowledge_event!.command_uuid));
    const dropped = admin.mdm.events().filter(({ outcome }) => outcome === 'dropped').length;
    expect(dropped).toBeGreaterThan(0);
    expect(new Set(told).size).toBe(30 - dropped);
    expect(told.length).toBeGreaterThan(30 - dropped);
    expect(told).not.toEqual([...told].sort((x, y) => x - y));
  });
});
