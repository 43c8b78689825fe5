import { describe, expect, it } from 'vitest';
import { schoolUnits } from '../../src/simulator/index.ts';
import { bench } from './support.ts';

describe('F8 content tokens', () => {
  it('F8 a file is one line of Base64 around token, expDate and orgName', async () => {
    const { admin } = await bench();
    const text = admin.tokenFile('own');
    expect(text).toMatch(/^[A-Za-z0-9+/]+=*$/);
    expect(JSON.parse(Buffer.from(text, 'base64').toString())).toEqual({
      token: expect.any(String),
      expDate: '2027-10-25T08:00:00+0000',
      orgName: 'Riverbend School District',
    });
  });

  it('F8 the bearer is decoded and matched by its inner token, or as text by option', async () => {
    const { ask, admin } = await bench();
    const content = JSON.parse(Buffer.from(admin.tokenFile('own'), 'base64').toString()) as object;
    const rebuilt = `Bearer ${Buffer.from(JSON.stringify(content, null, 2)).toString('base64')}`;
    expect((await ask('/assets', { authorization: rebuilt })).body.uId).toBe(schoolUnits.own);
    admin.setOptions({ bearerMatch: 'exact' });
    expect((await ask('/assets', { authorization: rebuilt })).body.errorNumber).toBe(9622);
  });

  it.each([
    ['no header', null, 401, 9601],
    ['another scheme', 'Basic abc', 401, 9722],
    ['an empty bearer', 'Bearer ', 401, 9722],
    ['garbage', 'Bearer garbage', 200, 9622],
  ])('F8 %s', async (_, authorization, status, errorNumber) => {
    const { ask } = await bench();
    expect(await ask('/assets', { authorization })).toMatchObject({ status, body: { errorNumber } });
  });

  it('F8 the inner token alone is 200 with 9622, or 401 by option', async () => {
    const { ask, admin } = await bench();
    const authorization = `Bearer ${admin.tokens()[0]!.innerToken}`;
    expect(await ask('/assets', { authorization })).toMatchObject({ status: 200, body: { errorNumber: 9622 } });
    admin.setOptions({ invalidTokenStatus: 401 });
    expect((await ask('/assets', { authorization })).status).toBe(401);
  });

  it('F8 expired is 9621 and revoked is 9625', async () => {
    const { ask } = await bench();
    expect(await ask('/assets', { token: 'expired' })).toMatchObject({ status: 401, body: { errorNumber: 9621 } });
    expect(await ask('/assets', { token: 'revoked' })).toMatchObject({ status: 401, body: { errorNumber: 9625 } });
  });

  it('F8 a token expires when its time comes', async () => {
    const { ask, admin, clock } = await bench();
    await clock.advance(336 * 24 * 3600 * 1000);
    expect((await ask('/assets')).body.errorNumber).toBe(9621);
    expect(admin.tokens().find((token) => token.name === 'own')?.state).toBe('expired');
  });

  it('F8 a read-only token reads and may not write', async () => {
    const { ask } = await bench();
    expect((await ask('/assignments', { token: 'read-only' })).body.uId).toBe(schoolUnits.own);
    for (const path of ['/assets/associate', '/assets/disassociate', '/assets/revoke', '/client/config']) {
      expect(await ask(path, { token: 'read-only', json: {} }), path).toMatchObject({
        status: 403,
        body: { errorNumber: 9637 },
      });
    }
  });

  it('F8 renewal keeps the library and revokes the older files when asked', async () => {
    const { ask, admin } = await bench();
    const renewed = admin.issueToken({ name: 'own', as: 'own-2028', revokeOlder: true });
    expect(renewed).toMatchObject({ uId: schoolUnits.own, state: 'valid', orgName: 'Riverbend School District' });
    expect((await ask('/assets', { token: 'own' })).body.errorNumber).toBe(9625);
    expect((await ask('/assets', { token: 'own-2028' })).body.uId).toBe(schoolUnits.own);
  });

  it('F8 tokens of every kind can be issued and revoked', async () => {
    const { admin } = await bench();
    expect(admin.issueToken({ uId: schoolUnits.business, kind: 'expired' }).state).toBe('expired');
    expect(admin.issueToken({ uId: schoolUnits.business, kind: 'readOnly' }).state).toBe('readOnly');
    const dated = admin.issueToken({ name: 'own', expDate: '2026-12-01T00:00:00+0000' });
    expect(dated).toMatchObject({ name: 'own-2', expDate: '2026-12-01T00:00:00+0000' });
    expect(admin.revokeToken('own-2').state).toBe('revoked');
    expect(() => admin.tokenFile('nobody')).toThrow('no token nobody');
  });
});
