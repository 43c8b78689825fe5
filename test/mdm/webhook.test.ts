import { readFileSync } from 'node:fs';
import { buildBinary } from 'plist';
import { describe, expect, test } from 'vitest';
import type { DeviceNews } from '../../src/domain/mdm-ports.ts';
import { PlistError, readPlist, writePlist } from '../../src/lib/plist.ts';
import { readNanoMdmMessage } from '../../src/mdm/nanomdm/webhook.ts';

const udid = '1c111c111c111c111c111c111c111c111c111c11';
const real = (name: string) => readFileSync(new URL(`data/device-answers/${name}.xml`, import.meta.url));

function message(topic: string, about: object, payload: Uint8Array | string): Buffer {
  const ids = { id: udid, type: 'Device' };
  const raw_payload = Buffer.from(payload).toString('base64');
  const event = { udid, ids, raw_payload, ...about };
  const kind = topic === 'mdm.Connect' ? 'acknowledge_event' : 'checkin_event';
  return Buffer.from(JSON.stringify({ topic, created_at: '2026-11-24T10:00:00.123456789+01:00', [kind]: event }));
}
const connect = (status: string, payload: Uint8Array | string, about: object = {}) =>
  message('mdm.Connect', { status, command_uuid: 'U1', ...about }, payload);
const device = { enrollmentId: udid, type: 'DEVICE', at: '2026-11-24T09:00:00.123Z' };
const answered = { ...device, kind: 'ANSWERED', commandUuid: 'U1', status: 'ACKNOWLEDGED' };

describe('§5.1 what real devices answered', () => {
  test('enrollment: serial number and facts; reachable; goodbye', () => {
    expect(readNanoMdmMessage(message('mdm.Authenticate', {}, real('Authenticate_IOS-11.3.1')))).toEqual({
      ...device,
      kind: 'AUTHENTICATED',
      facts: { serialNumber: 'XXXXXXXXXXXX', osVersion: '11.3.1', productName: 'iPad4,1' },
    });
    const reachable = (tally: number, payload: Uint8Array | string) =>
      readNanoMdmMessage(message('mdm.TokenUpdate', { token_update_tally: tally }, payload));
    // Its tokens are no base64, so its list can't be read: that it is reachable counts.
    const unread = { ...device, kind: 'REACHABLE', fresh: true, awaitingConfiguration: null };
    expect(reachable(1, real('TokenUpdate_iOS-11.3.1'))).toEqual(unread);
    const mended = real('TokenUpdate_iOS-11.3.1')
      .toString()
      .replaceAll(/base64=+/gi, 'AAAA');
    expect(reachable(2, mended)).toEqual({ ...device, kind: 'REACHABLE', fresh: false, awaitingConfiguration: false });
    const checkOut = readNanoMdmMessage(message('mdm.CheckOut', {}, real('CheckOut_iOS-11.3.1')));
    expect(checkOut).toEqual({ ...device, kind: 'CHECKED_OUT' });
  });

  test('app lists', () => {
    const news = readNanoMdmMessage(connect('Acknowledged', real('InstalledApplicationList_iOS-11.3.1')));
    const { apps } = (news as Extract<DeviceNews, { kind: 'ANSWERED' }>).result;
    expect(apps?.[0]).toEqual({
      ...{ bundleId: 'com.microsoft.lync2013.iphone', name: 'Business', version: '6.20.2.2', shortVersion: '6.20.2' },
      ...{ externalVersionId: '827127239', hasUpdate: false, deviceLicense: false },
      ...{ installing: false, downloadFailed: false },
    });
    expect(apps!.length).toBeGreaterThan(1);
    expect(readNanoMdmMessage(connect('Acknowledged', real('ManagedApplicationList_iOS-11.3.1-Failed')))).toEqual({
      ...answered,
      result: {
        errors: [],
        managedApps: [
          { bundleId: 'com.apple.iWork.Keynote', status: 'Failed', externalVersionId: null },
          { bundleId: 'com.tinyspeck.slackmacgap', status: 'Failed', externalVersionId: null },
        ],
      },
    });
    expect(readNanoMdmMessage(connect('Acknowledged', real('ManagedApplicationList_iOS-12.1-Managed')))).toMatchObject({
      result: { managedApps: [{ bundleId: 'com.apple.Numbers', status: 'Managed', externalVersionId: '829165942' }] },
    });
  });

  test('facts, errors, not now, malformed, idle', () => {
    expect(readNanoMdmMessage(connect('Acknowledged', real('DeviceInformation_iOS-11.3.1')))).toMatchObject({
      result: { facts: { serialNumber: 'C00000000004', name: 'iPad', modelName: 'iPad', osVersion: '11.3.1' } },
    });
    const message = 'The user is already being prompted.';
    expect(readNanoMdmMessage(connect('Error', real('InstallApplication_iOS-11.3.1-alreadyprompting')))).toEqual({
      ...answered,
      status: 'FAILED',
      result: { errors: [{ domain: 'DeviceManagement.error', number: 1407, message }] },
    });
    expect(readNanoMdmMessage(connect('NotNow', real('NotNow_iOS-11.3.1')))).toEqual({
      ...device,
      kind: 'NOT_NOW',
      commandUuid: 'U1',
    });
    expect(readNanoMdmMessage(connect('CommandFormatError', real('Errors_iOS-11.3.1-CommandFormatError')))).toEqual({
      ...answered,
      status: 'MALFORMED',
      result: { errors: [] },
    });
    expect(readNanoMdmMessage(connect('Idle', '', { command_uuid: undefined }))).toEqual({ ...device, kind: 'IDLE' });
  });

  test('an install, a removal and an invitation; binary lists', () => {
    const install = { Status: 'Acknowledged', Identifier: 'a.b', State: 'Installing', CommandUUID: 'U1' };
    const expected = { app: { bundleId: 'a.b', state: 'Installing', rejectionReason: null } };
    expect(readNanoMdmMessage(connect('Acknowledged', writePlist(install)))).toMatchObject({ result: expected });
    expect(readNanoMdmMessage(connect('Acknowledged', buildBinary(install)))).toMatchObject({ result: expected });
    const invited = readNanoMdmMessage(connect('Acknowledged', writePlist({ InvitationResult: 'Acknowledged' })));
    expect(invited).toMatchObject({ result: { errors: [], invitation: 'Acknowledged' } });
  });
});

describe('§5.1 what may come in any shape', () => {
  test('users have a parent; older servers tell no ids; an unread answer ends its command all the same', () => {
    const user = connect('Idle', '', { ids: { id: `${udid}:A`, type: 'User', parent_id: udid } });
    expect(readNanoMdmMessage(user)).toMatchObject({ enrollmentId: `${udid}:A`, type: 'USER' });
    const old = connect('Idle', '', { ids: undefined, udid: undefined, enrollment_id: 'E1' });
    expect(readNanoMdmMessage(old)).toMatchObject({ enrollmentId: 'E1', type: 'DEVICE' });
    const unread = readNanoMdmMessage(connect('Acknowledged', 'junk'));
    expect(unread).toMatchObject({ kind: 'ANSWERED', result: { errors: [{ domain: 'Russet' }] } });
    expect(readNanoMdmMessage(message('mdm.GetToken', {}, ''))).toMatchObject({ kind: 'OTHER', topic: 'mdm.GetToken' });
  });

  test.each([
    'null',
    '{}',
    '[]',
    'x',
    '{"topic":"mdm.Connect","created_at":"x"}',
    '{"topic":"mdm.Connect","created_at":"x","acknowledge_event":{"status":"Idle","udid":"a,b","raw_payload":""}}',
  ])('no message of a device: %s', (body) => {
    expect(readNanoMdmMessage(Buffer.from(body))).toBeNull();
  });

  test("what the database can't keep is left out: NUL and halves of characters", () => {
    const odd = { Identifier: 'a.b\0\uD800', State: 'x'.repeat(5_000) };
    const news = JSON.stringify(readNanoMdmMessage(connect('Acknowledged', buildBinary(odd))));
    expect(news).not.toMatch(/\\u0000|\\ud800/i);
    expect(news.length).toBeLessThan(500);
  });
});

describe('§5.1 property lists from strangers', () => {
  const doctype =
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">';
  const xml = (body: string, type = doctype) =>
    `<?xml version="1.0"?>\n${type}\n<plist version="1.0">${body}</plist>\n`;
  const refused: [string, string][] = [
    ['entities of its own', xml('<dict><key>a</key><string>&x;</string></dict>', '<!DOCTYPE plist [<!ENTITY x "y">]>')],
    ['entities that nobody declared', xml('<dict><key>a</key><string>&x;</string></dict>')],
    ['a second document type', xml(`<dict/>${doctype}`)],
    ['processing instructions', xml('<?php ?><dict/>')],
    ['other elements', xml('<dict><key>a</key><script/></dict>')],
    ['attributes', xml('<dict a="b"/>')],
    ['too deep', xml(`<dict><key>a</key>${'<array>'.repeat(40)}${'</array>'.repeat(40)}</dict>`)],
    ['crossed', xml('<dict><key>a</dict></key>')],
    ['cut off', xml('<dict>').slice(0, -12)],
    ['two roots', `${xml('<dict/>')}${xml('<dict/>', '').slice(22)}`],
    ['no dictionary', xml('<array/>')],
    ['the other ancient kind', '{ a = b; }'],
    ['a key named __proto__', xml('<dict><key>__proto__</key><dict><key>Status</key><string>x</string></dict></dict>')],
    ['control characters', xml('<dict><key>a</key><string>\u0001</string></dict>')],
    ['nothing', ''],
  ];
  test.each(refused)('XML: %s', (_name, text) => {
    expect(() => readPlist(Buffer.from(text))).toThrow(PlistError);
  });

  /** A binary list of these objects; the last is the root. Offsets and references are single bytes. */
  function binary(...objects: number[][]): Uint8Array {
    const offsets = objects.map((_, index) => 8 + objects.slice(0, index).flat().length);
    const start = 8 + objects.flat().length;
    const trailer = [0, 0, 0, 0, 0, 0, 1, 1, ...long(objects.length), ...long(objects.length - 1), ...long(start)];
    return Uint8Array.from([...Buffer.from('bplist00'), ...objects.flat(), ...offsets, ...trailer]);
  }
  const long = (value: number) => [0, 0, 0, 0, 0, 0, value >> 8, value & 0xff];
  const key = [0x51, 0x61];

  test('binary: a good one is read', () => {
    expect(readPlist(binary(key, [0x10, 7], [0xd1, 0, 1]))).toEqual({ a: 7 });
    const long = { text: 'ä€😀'.repeat(50), list: [1, 2.5, true, new Date(0)], data: Buffer.from('x') };
    expect(readPlist(buildBinary(long))).toMatchObject({ text: long.text, list: long.list });
  });

  const doubled = Array.from({ length: 30 }, (_, level) => [0xaf, 0x10, 8, ...Array(8).fill(level)]);
  const bad: [string, Uint8Array][] = [
    ['a list in itself', binary(key, [0xa1, 1], [0xd1, 0, 1])],
    ['a ring', binary(key, [0xa1, 2], [0xa1, 1], [0xd1, 0, 1])],
    ['few bytes that mean 8 ** 30 objects', binary(key, ...doubled, [0xd1, 0, 30])],
    ['a length that points outside', binary(key, [0x5f, 0x11, 0xff, 0xff], [0xd1, 0, 1])],
    ['data that reach outside', binary(key, [0x4f, 0x12, 0x7f, 0xff, 0xff, 0xff], [0xd1, 0, 1])],
    ['a reference that points outside', binary(key, [0xd1, 0, 9])],
    ['an unknown object', binary(key, [0x70], [0xd1, 0, 1])],
    ['a key that is no text', binary([0x10, 7], [0xd1, 0, 0])],
    ['a key named __proto__', binary([0x59, ...Buffer.from('__proto__')], [0xd0], [0xd1, 0, 1])],
    ['too short', Buffer.from('bplist00')],
    [
      'a count of objects that is not there',
      Buffer.from(binary(key, [0xd0]).map((byte, at, all) => (at === all.length - 20 ? 9 : byte))),
    ],
  ];
  test.each(bad)('binary: %s', (_name, bytes) => {
    expect(() => readPlist(bytes)).toThrow(PlistError);
  });

  test('a list of 500 apps is read; one that is larger than any device writes is not looked at', () => {
    const app = {
      Identifier: 'com.example.app',
      Version: '1.2.3',
      ExternalVersionIdentifier: 827127239,
      HasUpdateAvailable: false,
    };
    const list = { InstalledApplicationList: Array.from({ length: 500 }, () => app) };
    const started = performance.now();
    for (const bytes of [Buffer.from(writePlist(list)), buildBinary(list)])
      expect((readPlist(bytes).InstalledApplicationList as unknown[]).length).toBe(500);
    console.log(`two lists of 500 apps in ${Math.round(performance.now() - started)} ms`);
    expect(() => readPlist(Buffer.alloc(5 * 1024 * 1024, 0x20))).toThrow('more than');
  });
});
