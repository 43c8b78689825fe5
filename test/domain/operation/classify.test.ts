/**
 * What answers of devices mean. The expectations are written from Apple's list of error codes, from its list of statuses, and
 * from what was seen in the field, not from the table that is tested.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { answerRows, classify, classifyState, type Meaning } from '../../../src/domain/operation/classify.ts';
import { readPlist } from '../../../src/lib/plist.ts';
import { resultOf } from '../../../src/mdm/nanomdm/device-answer.ts';

type Kind = 'INSTALL_APP' | 'REMOVE_APP';
const error = (domain: string, number: number) => ({ domain, number, message: 'words of the device' });
const meaningOf = (kind: Kind, domain: string, number: number) =>
  classify(kind, { failed: true, errors: [error(domain, number)] }).meaning;

const ofInstalls: Record<number, Meaning> = {
  12000: 'PERMANENT', // access rights
  12007: 'PERMANENT', // not authorized
  12008: 'PERMANENT', // malformed request
  12021: 'PERMANENT', // unknown request
  12023: 'RETRY_LATER', // store id not validated
  12024: 'PERMANENT', // manifest and URL: in-house only
  12025: 'ALREADY_THERE',
  12026: 'PROPAGATING', // no license
  12027: 'PERMANENT', // not an app
  12028: 'PERMANENT', // redemption codes
  12030: 'PERMANENT',
  12031: 'PERMANENT', // installation disabled
  12032: 'PERMANENT',
  12033: 'PERMANENT',
  12034: 'PERMANENT',
  12035: 'PERMANENT', // can't be purchased
  12037: 'PERMANENT',
  12040: 'PROPAGATING', // store login: with a device license, that is missing
  12047: 'PROPAGATING',
  12048: 'UNKNOWN', // OS updates
  12062: 'UNKNOWN',
  12063: 'PERMANENT', // user rejected
  12064: 'PROPAGATING',
  12065: 'PERMANENT', // system app
  12078: 'RETRY_LATER', // Lost Mode
  12081: 'RETRY_LATER', // not tethered
};
const ofRemovals: Record<number, Meaning> = {
  12000: 'PERMANENT',
  12029: 'ALREADY_THERE', // not managed
  12036: 'RETRY_LATER', // not in the current state
  12038: 'ALREADY_THERE',
  12065: 'PERMANENT',
  12078: 'RETRY_LATER',
};
const elsewhere: [Kind, string, number, Meaning][] = [
  ['INSTALL_APP', 'DeviceManagement.error', 1407, 'PROMPTING'],
  ['INSTALL_APP', 'DeviceManagement.error', 2605, 'PROPAGATING'],
  ['INSTALL_APP', 'DeviceManagement.error', 2213, 'UNKNOWN'],
  ['INSTALL_APP', 'ASDServerErrorDomain', 9610, 'PROPAGATING'],
  // The web service of Apps and Books reuses the number: whence it came decides.
  ['INSTALL_APP', 'MCMDMErrorDomain', 9610, 'UNKNOWN'],
  ['INSTALL_APP', 'ASDErrorDomain', 506, 'WAIT'],
  ['INSTALL_APP', 'ASDErrorDomain', 663, 'RETRY_LATER'],
  ['INSTALL_APP', 'MCMDMErrorDomain', 663, 'UNKNOWN'],
  ['REMOVE_APP', 'ASDServerErrorDomain', 9610, 'UNKNOWN'],
];
const rejections: Record<string, Meaning> = {
  AppAlreadyInstalled: 'ALREADY_THERE',
  AppAlreadyQueued: 'WAIT',
  AppStoreDisabled: 'PERMANENT',
  CouldNotVerifyAppID: 'RETRY_LATER',
  ManagementChangeNotSupported: 'PERMANENT',
  NotAnApp: 'PERMANENT',
  NotSupported: 'PERMANENT',
  Other: 'UNKNOWN',
  PurchaseMethodNotSupported: 'PERMANENT',
  PurchaseMethodNotSupportedInMultiUser: 'PERMANENT',
};
const statuses: Record<string, Meaning> = {
  Queued: 'WAIT',
  Redeeming: 'WAIT',
  ValidatingPurchase: 'WAIT',
  Installing: 'WAIT',
  ValidatingUpdate: 'WAIT',
  Updating: 'WAIT',
  NeedsRedemption: 'PROPAGATING',
  Prompting: 'PROMPTING',
  PromptingForManagement: 'PROMPTING',
  PromptingForUpdate: 'PROMPTING',
  PromptingForLogin: 'PROPAGATING',
  PromptingForUpdateLogin: 'PROPAGATING',
  Managed: 'WAIT',
  ManagedButUninstalled: 'WAIT',
  Unknown: 'WAIT',
  UserInstalledApp: 'ALREADY_THERE',
  UserRejected: 'PERMANENT',
  UpdateRejected: 'PERMANENT',
  ManagementRejected: 'PERMANENT',
  Failed: 'RETRY_LATER',
};

describe('what answers mean', () => {
  it.each(Object.entries(ofInstalls))(
    'F2 an install that is refused with %s is %s, in both spellings of the domain',
    (number, meaning) => {
      for (const domain of ['MCMDMErrorDomain', 'MDMErrorDomain'])
        expect(meaningOf('INSTALL_APP', domain, Number(number)), domain).toBe(meaning);
    },
  );
  it.each(Object.entries(ofRemovals))('S49 a removal that is refused with %s is %s', (number, meaning) => {
    expect(meaningOf('REMOVE_APP', 'MCMDMErrorDomain', Number(number))).toBe(meaning);
  });
  it.each(elsewhere)('F2 %s %s %i is %s', (kind, domain, number, meaning) => {
    expect(meaningOf(kind, domain, number)).toBe(meaning);
  });
  it.each(Object.entries(rejections))('F2 an install that is refused as %s is %s', (rejectionReason, meaning) => {
    const app = { bundleId: null, state: null, rejectionReason };
    expect(classify('INSTALL_APP', { failed: true, errors: [], app }).meaning).toBe(meaning);
  });
  it.each(Object.entries(statuses))('F2 the status %s is %s, in an answer and in a list', (state, meaning) => {
    const app = { bundleId: null, state: state as 'Managed', rejectionReason: null };
    expect(classify('INSTALL_APP', { failed: false, errors: [], app }).meaning).toBe(meaning);
    expect(classifyState(state).meaning).toBe(meaning);
  });

  test('F2 no row of the table is without an expectation here', () => {
    for (const { to, domain, numbers = [], reasons = [], states = [] } of answerRows) {
      for (const number of numbers)
        if (domain === 'MDM')
          expect(Object.keys(to === 'REMOVE_APP' ? ofRemovals : ofInstalls)).toContain(String(number));
        else expect(elsewhere.map(([, , other]) => other)).toContain(number);
      for (const reason of reasons) expect(Object.keys(rejections)).toContain(reason);
      for (const state of states) expect(Object.keys(statuses)).toContain(state);
    }
  });

  test('F2 real answers of iOS 11.3.1 and 12.1: being prompted, failed, and managed', () => {
    const real = (name: string) =>
      resultOf(readPlist(readFileSync(new URL(`../../mdm/data/device-answers/${name}.xml`, import.meta.url))) as never);
    const prompted = real('InstallApplication_iOS-11.3.1-alreadyprompting');
    expect(classify('INSTALL_APP', { failed: true, ...prompted }).meaning).toBe('PROMPTING');
    const lists = [real('ManagedApplicationList_iOS-11.3.1-Failed'), real('ManagedApplicationList_iOS-12.1-Managed')];
    const told = lists.map(({ managedApps }) => managedApps!.map(({ status }) => classifyState(status).meaning));
    expect(told).toEqual([['RETRY_LATER', 'RETRY_LATER'], ['WAIT']]);
  });

  it('F2 the whole chain is read: 2605 behind an error that nobody knows', () => {
    const errors = [
      error('NSCocoaErrorDomain', 4),
      error('DeviceManagement.error', 2605),
      error('MDMErrorDomain', 12064),
    ];
    expect(classify('INSTALL_APP', { failed: true, errors }).meaning).toBe('PROPAGATING');
  });

  it('F2 506 with State Failed is no failure: the app is on its way', () => {
    const app = { bundleId: null, state: 'Failed' as const, rejectionReason: 'Other' };
    expect(classify('INSTALL_APP', { failed: true, errors: [error('ASDErrorDomain', 506)], app }).meaning).toBe('WAIT');
  });

  it('F2 what nobody knows is UNKNOWN and keeps its words; an answer without errors is accepted', () => {
    const reading = classify('INSTALL_APP', { failed: true, errors: [error('NewDomain', 7)] });
    expect(reading).toMatchObject({
      meaning: 'UNKNOWN',
      message: expect.stringContaining('NewDomain 7: words of the device'),
    });
    expect(classify('REMOVE_APP', { failed: false, errors: [] }).meaning).toBe('WAIT');
    expect(classifyState('SomethingNew').meaning).toBe('WAIT');
    expect(classifyState('UserRejected')).toMatchObject({ meaning: 'PERMANENT', code: 'USER_REJECTED' });
  });
});
