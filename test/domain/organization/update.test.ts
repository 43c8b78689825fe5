import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Context } from '../../../src/domain/context.ts';
import { systemContext } from '../../../src/domain/context.ts';
import { isTimeZone } from '../../../src/domain/organization/settings.ts';
import { updateOrganization } from '../../../src/domain/organization/update.ts';
import { startApi, type TestApi } from '../../http/support/api.ts';

let api: TestApi;
let context: Context;

beforeAll(async () => {
  api = await startApi();
  context = systemContext(api.services, await api.organization(), 'test', 'test');
});
afterAll(() => api.close());

test('G18 a change leaves one entry that says what changed; no change leaves none', async () => {
  await updateOrganization(context, { timeZone: 'Europe/Zurich', newAppStatus: 'RELEASE' });
  await updateOrganization(context, { timeZone: 'Europe/Zurich' });
  await updateOrganization(context, {});
  const entries = await api.services.prisma.auditEntry.findMany({
    where: { organizationId: context.actor.organizationId, action: { not: 'organization.create' } },
  });
  expect(entries.map(({ action, data }) => [action, data])).toEqual([
    ['organization.update', { timeZone: 'Europe/Zurich' }],
  ]);
});

test.each(['UTC', 'Europe/Zurich', 'America/Argentina/Ushuaia'])('S9 %s is a time zone', (name) => {
  expect(isTimeZone(name)).toBe(true);
});

test.each(['', 'Mars/Olympus', '+02:00', '-01:00', 'Europe/'])('S9 "%s" is none', (name) => {
  expect(isTimeZone(name)).toBe(false);
});
