/**
 * What a driver of NanoMDM has to stand, case by case (MDM sheet §0 and §5). The same table runs against the simulator's
 * server and against a real one, so neither can drift away from the other. @module
 */
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { connectMdm } from '../../src/domain/mdm/connect.ts';
import { createNanoMdm } from '../../src/mdm/nanomdm/client.ts';
import { udidOf } from '../../src/simulator/index.ts';
import { app, type Bench } from './bench.ts';

/** One case. */
export interface Case {
  title: string;
  run(bench: Bench): Promise<void>;
}

const mdm = createNanoMdm();
const information = { kind: 'DEVICE_INFORMATION' } as const;
const apps = { kind: 'LIST_INSTALLED_APPS', bundleIds: null } as const;
const managed = { kind: 'LIST_MANAGED_APPS', bundleIds: null } as const;
const install = { kind: 'INSTALL_APP', adamId: app, takeOver: false, removable: null } as const;
const accepted = { accepted: true, refusal: null, pushProblem: null };

export const cases: readonly Case[] = [
  {
    title: 'is tried before it is connected: version, wrong key, wrong path',
    run: async ({ server, context, connected }) => {
      expect(connected.version).toBe(server.version === 'unknown' ? null : server.version);
      const { baseUrl, apiKey, flavor } = server;
      const access = { baseUrl, apiKey, pathPrefix: '/v1/', userName: 'nanomdm' };
      await expect(mdm.test({ ...access, apiKey: 'wrong' })).rejects.toMatchObject({
        problem: flavor === 'NANOMDM' ? 'UNAUTHORIZED' : 'WRONG_PREFIX',
      });
      await expect(mdm.test({ ...access, pathPrefix: '/other/' })).rejects.toMatchObject({ problem: 'WRONG_PREFIX' });
      const again = connectMdm(context, { kind: 'NANOMDM', server: flavor, baseUrl, apiKey });
      await expect(again).rejects.toMatchObject({ code: 'MDM_ALREADY_CONNECTED' });
    },
  },
  {
    title: 'enrolling ties the id that the server knows to the serial number that licenses know',
    run: async (bench) => {
      const [serial] = await bench.enroll();
      const enrollment = await bench.enrollment(serial!);
      expect(enrollment).toMatchObject({ enrollmentId: udidOf(serial!), state: 'ENROLLED', type: 'DEVICE' });
      expect(enrollment.device).toMatchObject({ serialNumber: serial, family: 'IPAD', osVersion: '26.1' });
      const id = await bench.plan(serial!, information);
      await bench.drive();
      await bench.connect(serial!);
      await bench.comesTo(id, 'ACKNOWLEDGED');
      expect(await bench.enrollment(serial!)).toMatchObject({ timeZone: 'America/New_York' });
    },
  },
  {
    title: 'one command for many devices leaves under one CommandUUID, and each answer finds its own',
    run: async (bench) => {
      const serials = await bench.enroll(3);
      const ids = [];
      for (const serial of serials) ids.push(await bench.plan(serial, managed));
      await bench.drive();
      const sent = await Promise.all(ids.map(bench.command));
      expect(new Set(sent.map(({ uuid }) => uuid)).size).toBe(1);
      expect(sent.map(({ state }) => state)).toEqual(['QUEUED', 'QUEUED', 'QUEUED']);
      await bench.connect(serials[1]!);
      await bench.comesTo(ids[1]!, 'ACKNOWLEDGED');
      expect((await bench.command(ids[0]!)).state).toBe('QUEUED');
      await bench.connect(serials[0]!, serials[2]!);
      for (const id of ids) await bench.comesTo(id, 'ACKNOWLEDGED');
    },
  },
  {
    title: 'a hundred devices fit into one call; what they are does not matter',
    run: async ({ access }) => {
      const ids = Array.from({ length: 100 }, () => randomUUID().toUpperCase());
      const outcome = await mdm.enqueue(access, { uuid: randomUUID(), request: information, push: false }, ids);
      expect([...outcome.values()]).toEqual(ids.map(() => accepted));
    },
  },
  {
    title: 'the same CommandUUID twice is taken once, before and after the answer',
    run: async (bench) => {
      const [serial] = await bench.enroll();
      const command = { uuid: randomUUID(), request: information, push: false };
      const give = async () => (await mdm.enqueue(bench.access, command, [udidOf(serial!)])).get(udidOf(serial!));
      expect([await give(), await give()]).toEqual([accepted, accepted]);
      await bench.connect(serial!);
      expect(await give()).toEqual(accepted);
      await bench.connect(serial!);
      expect(bench.truth(serial!).seen!.filter(({ uuid }) => uuid === command.uuid)).toHaveLength(1);
    },
  },
  {
    title: '§0.5 a push that failed is no refusal: the command waits, for an id that never enrolled too',
    run: async (bench) => {
      const [serial] = await bench.enroll();
      for (const id of [udidOf(serial!), 'NEVER-ENROLLED']) {
        const command = { uuid: randomUUID(), request: information, push: true };
        const outcome = (await mdm.enqueue(bench.access, command, [id])).get(id);
        expect(outcome).toMatchObject({ accepted: true, refusal: null, pushProblem: expect.any(String) });
      }
      expect([...(await mdm.push(bench.access, [udidOf(serial!)])).values()]).toEqual([expect.any(String)]);
      await bench.connect(serial!);
      expect(bench.truth(serial!).counts).toEqual({ DeviceInformation: 1 });
    },
  },
  {
    title: 'NotNow ends nothing: the command is offered again and answered',
    run: async (bench) => {
      const [serial] = await bench.enroll();
      bench.script(serial!, { kind: 'notNow', times: 2 });
      const id = await bench.plan(serial!, managed);
      await bench.drive();
      await bench.connect(serial!);
      const command = await bench.comesTo(id, 'ACKNOWLEDGED');
      expect(command.notNows).toBeGreaterThan(0);
      expect(bench.truth(serial!).seen!.map(({ status }) => status)).toEqual(['NotNow', 'NotNow', 'Acknowledged']);
    },
  },
  {
    title: 'a chain of errors of several domains arrives whole',
    run: async (bench) => {
      const [serial] = await bench.enroll();
      const errors = [
        { domain: 'DeviceManagement.error', code: 2605, text: 'Could not retrieve the license – „§“' },
        { domain: 'MDMErrorDomain', code: 12064, text: 'No assignment' },
      ];
      bench.script(serial!, { kind: 'error', errors });
      const id = await bench.plan(serial!, install);
      await bench.drive();
      await bench.connect(serial!);
      const { answer } = await bench.comesTo(id, 'FAILED');
      const told = errors.map(({ domain, code: number, text: message }) => ({ domain, number, message }));
      expect(answer).toMatchObject({ errors: told });
    },
  },
  {
    title: 'CommandFormatError ends a command, and it is not offered again',
    run: async (bench) => {
      const [serial] = await bench.enroll();
      bench.script(serial!, { kind: 'formatError' });
      const id = await bench.plan(serial!, apps);
      await bench.drive();
      await bench.connect(serial!);
      await bench.comesTo(id, 'MALFORMED');
      await bench.connect(serial!);
      expect(bench.truth(serial!).counts).toEqual({ InstalledApplicationList: 1 });
    },
  },
  {
    title: '§0.1 §0.2 accepted is not done: the list tells; the same command once more is taken for an update',
    run: async (bench) => {
      const [serial] = await bench.enroll();
      bench.license(serial!);
      const id = await bench.plan(serial!, install);
      await bench.drive();
      await bench.connect(serial!);
      const { answer } = await bench.comesTo(id, 'ACKNOWLEDGED');
      expect(answer).toMatchObject({ app: { state: 'Installing', bundleId: expect.any(String) } });
      const installed = async () => {
        const list = await bench.plan(serial!, apps);
        await bench.drive();
        await bench.connect(serial!);
        await bench.comesTo(list, 'ACKNOWLEDGED');
        return bench.installed(serial!);
      };
      await bench.until(() => bench.truth(serial!).apps[0]?.status === 'Managed');
      expect(await installed()).toMatchObject([
        { installing: false, deviceLicense: true, externalVersionId: '800000200' },
      ]);
      const again = await bench.plan(serial!, install);
      await bench.drive();
      await bench.connect(serial!);
      expect((await bench.comesTo(again, 'ACKNOWLEDGED')).answer).toMatchObject({ app: { state: 'Managed' } });
    },
  },
  {
    title: '§0.3 what a device says once is stored when it arrives, long before it is applied',
    run: async (bench) => {
      const [serial] = await bench.enroll();
      bench.license(serial!);
      bench.script(serial!, { kind: 'installFails' });
      const id = await bench.plan(serial!, install);
      await bench.drive();
      await bench.connect(serial!);
      await bench.comesTo(id, 'ACKNOWLEDGED');
      await bench.until(() => bench.truth(serial!).apps[0]?.status === 'Failed');
      const list = await bench.plan(serial!, managed);
      await bench.drive();
      const { uuid } = await bench.command(list);
      await bench.connect(serial!);
      const stored = () =>
        bench.world.database.prisma.deviceNews.findFirst({
          where: {
            organizationId: bench.organizationId,
            appliedAt: null,
            news: { path: ['commandUuid'], equals: uuid! },
          },
        });
      // Nothing drives Russet meanwhile.
      await expect.poll(stored).not.toBeNull();
      expect((await stored())!.news).toMatchObject({ result: { managedApps: [{ status: 'Failed' }] } });
      await bench.comesTo(list, 'ACKNOWLEDGED');
    },
  },
  {
    title: '§0.7 messages that come twice and in any order lead to the same as in order',
    run: async (bench) => {
      const [serial] = await bench.enroll();
      const { relay } = bench;
      const ids = [];
      for (const request of [information, managed, apps]) ids.push(await bench.plan(serial!, request));
      await bench.drive();
      bench.script(serial!, { kind: 'notNow', times: 1 });
      relay.holds = () => true;
      await bench.connect(serial!);
      const answered = () => new Set(relay.held.flatMap(({ commandUuid }) => commandUuid ?? []));
      await bench.until(() => answered().size === 3 && bench.truth(serial!).seen!.length > 3);
      await expect.poll(() => relay.held.length).toBeGreaterThan(4);
      relay.holds = null;
      const late = relay.held.splice(0);
      for (const parcel of [...late.toReversed(), ...late]) expect(await relay.forward(parcel)).toBe(200);
      for (const id of ids) await bench.comesTo(id, 'ACKNOWLEDGED');
      expect(await bench.enrollment(serial!)).toMatchObject({ state: 'ENROLLED', timeZone: 'America/New_York' });
    },
  },
  {
    // Alone in its queue: a real server with key-value storage forgets what else waits there (docs/devices.md).
    title: 'a device that says its answer twice is heard once',
    run: async (bench) => {
      const [serial] = await bench.enroll();
      bench.script(serial!, { kind: 'duplicateAnswer', times: 1 });
      const id = await bench.plan(serial!, apps);
      await bench.drive();
      const { uuid } = await bench.command(id);
      await bench.connect(serial!);
      const ended = await bench.comesTo(id, 'ACKNOWLEDGED');
      const said = () => bench.relay.told.filter(({ parcel }) => parcel.commandUuid === uuid).length;
      await expect.poll(said).toBe(2);
      await bench.drive();
      expect(await bench.command(id)).toEqual(ended);
    },
  },
  {
    title:
      'key-value storage forgets what waits when an answer comes twice: it is doubted, and LOST when nobody hears of it',
    run: async (bench) => {
      const [serial] = await bench.enroll();
      bench.script(serial!, { kind: 'duplicateAnswer', times: 1 });
      const id = await bench.plan(serial!, apps);
      await bench.drive();
      const behind = await bench.plan(serial!, managed);
      await bench.drive();
      await bench.connect(serial!);
      await bench.comesTo(id, 'ACKNOWLEDGED');
      expect(await bench.until(async () => (await bench.command(behind)).forgottenAt !== null)).toBe(true);
      // It waits for the device no more.
      await bench.connect(serial!);
      expect(bench.truth(serial!).counts).not.toHaveProperty('ManagedApplicationList');
      await bench.world.database.prisma.deviceCommand.updateMany({
        where: { id: behind },
        data: { forgottenAt: new Date() },
      });
      await bench.drive();
      expect(await bench.comesTo(behind, 'LOST')).toMatchObject({ answer: { refusal: expect.any(String) } });
      // It is asked anew, and now it is answered.
      await bench.drive();
      await bench.connect(serial!);
      expect(bench.truth(serial!).counts).toHaveProperty('ManagedApplicationList', 1);
    },
  },
  {
    title: '§0.7 an answer that is lost is given up by the clock, and the next question tells',
    run: async (bench) => {
      const [serial] = await bench.enroll(1, [{ adamId: app }]);
      bench.relay.holds = ({ commandUuid }) => commandUuid !== undefined;
      const lost = await bench.plan(serial!, apps, 1_000);
      await bench.drive();
      await bench.connect(serial!);
      await bench.comesTo(lost, 'TIMED_OUT');
      bench.relay.holds = null;
      expect(await bench.installed(serial!)).toEqual([]);
      const next = await bench.plan(serial!, apps);
      await bench.drive();
      await bench.connect(serial!);
      await bench.comesTo(next, 'ACKNOWLEDGED');
      expect(await bench.installed(serial!)).toHaveLength(1);
      // What was thought lost arrives after all.
      for (const parcel of bench.relay.held.splice(0)) await bench.relay.forward(parcel);
      await bench.comesTo(lost, 'ACKNOWLEDGED');
    },
  },
  {
    title: '§0.6 what was given up is still in the queue of the server; answered late, the answer counts',
    run: async (bench) => {
      const [serial] = await bench.enroll();
      const id = await bench.plan(serial!, managed, 1_000);
      await bench.drive();
      await bench.comesTo(id, 'QUEUED');
      await bench.comesTo(id, 'TIMED_OUT');
      await bench.connect(serial!);
      await bench.comesTo(id, 'ACKNOWLEDGED');
    },
  },
  {
    title: 'the signature counts, over the very bytes: a message with one byte more, or without it, is not heard',
    run: async (bench) => {
      const [serial] = await bench.enroll();
      bench.relay.holds = () => true;
      const id = await bench.plan(serial!, apps);
      await bench.drive();
      await bench.connect(serial!);
      await bench.until(() => bench.relay.held.some(({ commandUuid }) => commandUuid !== undefined));
      bench.relay.holds = null;
      const held = bench.relay.held.splice(0);
      for (const parcel of held) {
        const more = { ...parcel, body: Buffer.concat([parcel.body, Buffer.from(' ')]) };
        expect(await bench.relay.forward(more)).toBe(403);
        expect(await bench.relay.forward({ ...parcel, signature: undefined })).toBe(403);
      }
      await bench.drive();
      expect((await bench.command(id)).state).toBe('QUEUED');
      for (const parcel of held) expect(await bench.relay.forward(parcel)).toBe(200);
      await bench.comesTo(id, 'ACKNOWLEDGED');
    },
  },
  {
    title: 'enrolling anew empties the queue of the server, and Russet knows it',
    run: async (bench) => {
      const [serial] = await bench.enroll();
      const before = await bench.plan(serial!, managed);
      await bench.drive();
      expect((await bench.command(before)).state).toBe('QUEUED');
      await bench.act(serial!, { kind: 'reenroll', keepsApps: true });
      await bench.comesTo(before, 'LOST');
      const again = async () => (await bench.enrollment(serial!)).state === 'ENROLLED';
      expect(await bench.until(again)).toBe(true);
      expect((await bench.enrollment(serial!)).generation).toBeGreaterThan(1);
      const after = await bench.plan(serial!, managed);
      await bench.drive();
      await bench.connect(serial!);
      await bench.comesTo(after, 'ACKNOWLEDGED');
      const { uuid } = await bench.command(before);
      expect(bench.truth(serial!).seen!.map((seen) => seen.uuid)).not.toContain(uuid);
    },
  },
  {
    title: 'a goodbye ends what was open, and the device may come back',
    run: async (bench) => {
      const [serial] = await bench.enroll();
      const id = await bench.plan(serial!, managed);
      await bench.drive();
      await bench.act(serial!, { kind: 'unenroll' });
      await bench.comesTo(id, 'LOST');
      expect((await bench.enrollment(serial!)).state).toBe('GONE');
      await bench.act(serial!, { kind: 'reenroll' });
      const back = async () => (await bench.enrollment(serial!)).state === 'ENROLLED';
      expect(await bench.until(back)).toBe(true);
      expect((await bench.enrollment(serial!)).device).toMatchObject({ serialNumber: serial });
    },
  },
  {
    title: 'server and Russet start anew between a command and its answer',
    run: async (bench) => {
      const [serial] = await bench.enroll();
      const id = await bench.plan(serial!, apps);
      await bench.drive();
      await bench.server.restart();
      await bench.restartRusset();
      await bench.connect(serial!);
      await bench.comesTo(id, 'ACKNOWLEDGED');
    },
  },
  {
    title: 'a call that reaches nobody leaves nothing behind: the same CommandUUID goes out again',
    run: async (bench) => {
      const [serial] = await bench.enroll();
      const gone = { ...bench.access, baseUrl: 'http://127.0.0.1:9' };
      const command = { uuid: randomUUID(), request: information, push: false };
      await expect(mdm.enqueue(gone, command, [udidOf(serial!)])).rejects.toMatchObject({ kind: 'UNAVAILABLE' });
      expect((await mdm.enqueue(bench.access, command, [udidOf(serial!)])).get(udidOf(serial!))).toEqual(accepted);
    },
  },
  {
    title: 'an app list of many apps arrives whole',
    run: async (bench) => {
      const many = Array.from({ length: 400 }, (_, n) => ({
        ...{ bundleId: `example.inhouse.app${n}`, name: `Größe ${n} & <more>`, version: `${n}.0`, managed: false },
      }));
      const [serial] = await bench.enroll(1, many);
      const id = await bench.plan(serial!, apps);
      await bench.drive();
      await bench.connect(serial!);
      await bench.comesTo(id, 'ACKNOWLEDGED');
      const installed = await bench.installed(serial!);
      expect(installed).toHaveLength(400);
      expect(installed.map(({ name }) => name)).toContain('Größe 399 & <more>');
      expect(Math.max(...bench.relay.told.map(({ parcel }) => parcel.body.length))).toBeGreaterThan(100_000);
    },
  },
];
