/** Where simulated devices can be: at another server over HTTP, in a state file, in a program. @module */
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createVirtualClock } from '../../../src/lib/clock.ts';
import { readArguments } from '../../../src/simulator/arguments.ts';
import { createAuthority } from '../../../src/simulator/devices/identity.ts';
import { createSimulator } from '../../../src/simulator/index.ts';
import { start } from '../support.ts';
import { app, fleetBench, ipad, license, second } from './fleet-support.ts';
import { command, mdmBench } from './support.ts';

it('F8 issues certificates that their authority stands for, each with a key of its own', () => {
  const authority = createAuthority();
  const own = new X509Certificate(authority.pem);
  const [one, other] = ['SIM1', 'SIM2'].map(
    (name) => new X509Certificate(Buffer.from(authority.issue(name).slice(1, -1), 'base64')),
  );
  expect([own.ca, own.verify(own.publicKey), one!.verify(own.publicKey), one!.ca]).toEqual([true, true, true, false]);
  expect(one!.subject).toBe('CN=SIM1');
  expect(one!.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
  expect(one!.fingerprint256).not.toBe(other!.fingerprint256);
});

it('F8 the same devices speak to another server over HTTP, with a certificate each', async () => {
  const elsewhere = await mdmBench();
  const { doorUrl } = elsewhere.access;
  const { admin } = await mdmBench({ fleet: { pushDelayMs: 0, pushJitterMs: 0 } });
  admin.fleet.useServer({ server: { doorUrl, certificateHeader: 'X-Device-Certificate' } });
  admin.fleet.make({ devices: 5 });
  const [one, other] = await Promise.all([admin.fleet.drive(), admin.fleet.drive()]);
  expect([one, other], 'who waits at the same time is told, too').toMatchObject([
    { enrolled: 5, broken: 0 },
    { enrolled: 5, broken: 0 },
  ]);
  expect(elsewhere.admin.mdm.enrollments()).toHaveLength(5);
  expect(admin.mdm.enrollments()).toHaveLength(0);
  await elsewhere.simulator.close();
  admin.fleet.act({ act: { kind: 'connect' } });
  expect(await admin.fleet.drive()).toMatchObject({ broken: 5, planned: 5 });
});

it('F8 devices, their queue and what they were doing survive a restart', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'russet-fleet-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const stateFile = join(folder, 'state.json');
  const first = await fleetBench({}, { stateFile });
  expect(await first.install()).toMatchObject({ State: 'Installing' });
  await first.api(`/enqueue/${first.device().udid}?nopush=1`, { body: command('waits') });
  await first.simulator.close();
  const clock = createVirtualClock(start);
  const again = createSimulator({ clock, enforceRate: false, stateFile });
  onTestFinished(() => again.close());
  await again.admin.advance(10 * second);
  const [device] = again.admin.fleet.devices({ seen: true });
  expect(device!.apps.map(({ adamId, status }) => [adamId, status])).toEqual([[app, 'Managed']]);
  expect(device!.seen!.map(({ uuid }) => uuid)).toContain('waits');
});

it('F8 the command line makes a fleet and sets the MDM server', () => {
  const { fleet, options } = readArguments(['--fleet', '100', '--mdm-flavor', 'nanohub', '--mdm-api-key', 'k']);
  expect([fleet, options.mdm?.flavor, options.mdm?.apiKey]).toEqual([100, 'nanohub', 'k']);
  expect(() => readArguments(['--mdm-flavor', 'other'])).toThrow('nanomdm or nanohub');
});

it('F8 a device whose license was taken away says so in the truth', async () => {
  const { admin, serialNumber, appOf } = await fleetBench({
    specs: [{ serialNumber: 'SIMIPAD00009', ...ipad }],
    apps: [{ adamId: app }],
  });
  expect(appOf()!.licensed).toBe(false);
  license({ admin }, serialNumber);
  expect(appOf()!.licensed).toBe(true);
});
