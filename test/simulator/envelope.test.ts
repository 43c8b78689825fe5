import { describe, expect, it } from 'vitest';
import { schoolUnits } from '../../src/simulator/index.ts';
import { bench } from './support.ts';

const claim = { id: 'a1', name: 'Our MDM', metadata: 'mdm.example' };

describe('F8 envelope and configuration', () => {
  it('F8 every authenticated answer carries uId and tokenExpirationDate', async () => {
    const { ask, post } = await bench();
    const eventId = await post('/assets/associate', { assets: [{ adamId: '9000000003' }], serialNumbers: ['A'] });
    for (const path of ['/client/config', '/assets', '/assignments', '/users', `/status?eventId=${eventId}`]) {
      const { body } = await ask(path);
      expect(body, path).toMatchObject({ uId: schoolUnits.own, tokenExpirationDate: '2027-10-25T08:00:00+0000' });
      expect(body, path).not.toHaveProperty('mdmInfo');
    }
  });

  it('F8 mdmInfo is null instead of absent when the option says so', async () => {
    const { ask, admin } = await bench();
    admin.setOptions({ mdmInfoWhenUnset: 'null' });
    expect((await ask('/assets')).body.mdmInfo).toBeNull();
  });

  it('F8 a claim is echoed and then shown in every answer', async () => {
    const { ask } = await bench();
    const { body } = await ask('/client/config', { json: { mdmInfo: claim } });
    expect(body).toMatchObject({ mdmInfo: claim, locationName: 'Riverbend Elementary' });
    expect((await ask('/assignments')).body.mdmInfo).toEqual(claim);
    expect((await ask('/assets', { token: 'district' })).body.mdmInfo).toBeUndefined();
  });

  it('F8 the last claim wins, and nothing is refused to the other', async () => {
    const { ask, admin, post } = await bench();
    await ask('/client/config', { json: { mdmInfo: claim } });
    admin.setMdmInfo({ uId: schoolUnits.own, mdmInfo: { id: 'b2', name: 'Theirs', metadata: '' } });
    expect((await ask('/assets')).body.mdmInfo).toMatchObject({ id: 'b2' });
    await post('/assets/associate', { assets: [{ adamId: '9000000003' }], serialNumbers: ['A'] });
  });

  it('F8 client config shows the school, its types sorted, and keeps what a POST leaves out', async () => {
    const { ask, admin } = await bench({ testNotification: 'skipped' });
    const notification = { notificationUrl: 'https://mdm.example/apple/a1', notificationAuthToken: 's3' };
    const notificationTypes = ['ASSET_MANAGEMENT', 'ASSET_COUNT'];
    await ask('/client/config', { json: { mdmInfo: claim, ...notification, notificationTypes } });
    await ask('/client/config', { json: { mdmInfo: { ...claim, name: 'Renamed' } } });
    expect((await ask('/client/config')).body).toMatchObject({
      countryISO2ACode: 'US',
      defaultPlatform: 'volumestore',
      websiteURL: 'https://school.apple.com',
      mdmInfo: { name: 'Renamed' },
      ...notification,
      subscribedNotificationTypes: ['ASSET_COUNT', 'ASSET_MANAGEMENT'],
    });
    admin.setOptions({ clientConfigOmitted: 'clear' });
    expect((await ask('/client/config', { json: { mdmInfo: claim } })).body).not.toHaveProperty('notificationUrl');
  });

  it('F8 service config needs no token and names limits, urls, errors and notification types', async () => {
    const { ask, admin, url } = await bench();
    const { status, body } = await ask('/service/config', { authorization: null });
    expect(status).toBe(200);
    expect(Object.keys(body).sort()).toEqual(['errorCodes', 'limits', 'notificationTypes', 'urls']);
    expect(body.limits).toMatchObject({ maxAssets: 25, maxSerialNumbers: 1000, maxRequestPerSecond: 15 });
    expect(body.urls).toMatchObject({
      getAssets: `${url}/mdm/v2/assets`,
      contentMetadataLookup: `${url}/WebObjects/MZStorePlatform.woa/wa/lookup`,
      invitationEmail: expect.stringContaining('%25inviteCode%25'),
    });
    admin.setOptions({ limits: { maxAssets: 3 } });
    expect((await ask('/service/config', { token: 'revoked' })).body.limits).toMatchObject({ maxAssets: 3 });
  });

  it('F8 an answer to an error is bare unless the option adds the envelope', async () => {
    const { ask, admin } = await bench();
    expect(Object.keys((await ask('/status?eventId=x')).body).sort()).toEqual(['errorMessage', 'errorNumber']);
    admin.setOptions({ envelopeOnErrors: true });
    expect((await ask('/status?eventId=x')).body.uId).toBe(schoolUnits.own);
  });

  it('F8 an unknown path is an HTML 404', async () => {
    const { ask } = await bench();
    expect(await ask('/licenses')).toMatchObject({ status: 404, text: expect.stringContaining('<html>') });
  });
});
