import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createVirtualClock } from '../../src/lib/clock.ts';
import { createSimulator, school, schoolUnits } from '../../src/simulator/index.ts';
import { bench, serials, start } from './support.ts';

const uId = schoolUnits.own;

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'simulator-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

it('F8 a restart finds everything as it was', async () => {
  const stateFile = join(emptyFolder(), 'deep', 'state.json');
  const first = await bench({ stateFile });
  const done = await first.post('/assets/associate', {
    assets: [{ adamId: school.twentyFive }],
    serialNumbers: serials(30),
  });
  await first.clock.advance(1000);
  const half = await first.post('/assets/associate', {
    assets: [{ adamId: school.universal }],
    serialNumbers: serials(1000),
  });
  await first.clock.advance(300);
  await first.ask('/client/config', { json: { mdmInfo: { id: 'a', name: 'b', metadata: 'c' } } });
  first.admin.purchase({ uId, adamId: school.oneSeat, count: 4 });
  first.admin.removeAsset({ uId, adamId: school.usedUp });
  first.admin.issueToken({ name: 'own', as: 'second' });
  first.admin.setMetadata({ adamId: school.universal, name: 'Renamed' });
  const [truth, tokens, delta] = [
    first.admin.truth({ uId }),
    first.admin.tokens(),
    (await first.ask('/assignments')).body.versionId,
  ];
  await first.simulator.close();

  const clock = createVirtualClock(first.clock.now());
  const second = await bench({ stateFile, clock });
  expect(second.admin.truth({ uId })).toEqual(truth);
  expect(second.admin.tokens()).toEqual(tokens);
  expect(second.admin.catalog().find((item) => item.adamId === school.universal)?.name).toBe('Renamed');
  expect(await second.status(done)).toMatchObject({
    eventStatus: 'FAILED',
    numCompleted: 25,
    failures: [{ errorNumber: 9709 }],
  });
  expect(await second.status(half)).toMatchObject({ eventStatus: 'PENDING', numCompleted: 300 });
  await clock.advance(700);
  expect(await second.status(half)).toMatchObject({ eventStatus: 'COMPLETE', numCompleted: 1000 });
  expect((await second.ask(`/assignments?sinceVersionId=${delta}`)).body.size).toBe(700);
  const fresh = await second.post('/assets/revoke', { serialNumbers: ['S1'] });
  expect([done, half]).not.toContain(fresh);
});

it('F8 the file is for its owner only and holds no half-written state', async () => {
  const stateFile = join(emptyFolder(), 'state.json');
  const { simulator } = await bench({ stateFile });
  await simulator.close();
  expect(existsSync(`${stateFile}.new`)).toBe(false);
  expect(JSON.parse(readFileSync(stateFile, 'utf8'))).toMatchObject({ shape: 2, scenario: 'school-district', seed: 1 });
});

it.each([
  ['another seed', (file: string) => createSimulator({ seed: 2, stateFile: file }).close()],
  ['a damaged file', async (file: string) => writeFileSync(file, '{"shape":')],
])('F8 %s: the file is set aside and the scenario begins anew', async (_, spoil) => {
  const stateFile = join(emptyFolder(), 'state.json');
  await spoil(stateFile);
  const clock = createVirtualClock(start);
  const simulator = createSimulator({ clock, stateFile });
  expect(existsSync(`${stateFile}.old`)).toBe(true);
  expect(simulator.admin.truth({ uId }).assets).toHaveLength(42);
  await simulator.close();
});
