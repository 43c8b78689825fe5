import { describe, expect, it } from 'vitest';
import { answerRows, classify, classifyState } from '../../../src/domain/operation/classify.ts';

const error = (domain: string, number: number) => ({ domain, number, message: 'words of the device' });
const cases = answerRows.flatMap((row) => {
  const to = row.to ?? 'INSTALL_APP';
  const domains = row.domain === 'MDM' ? ['MCMDMErrorDomain', 'MDMErrorDomain'] : [row.domain ?? ''];
  return [
    ...domains.flatMap((domain) =>
      (row.numbers ?? []).map(
        (n) => [`${to} ${domain} ${n}`, row, { failed: true, errors: [error(domain, n)] }] as const,
      ),
    ),
    ...(row.reasons ?? []).map(
      (rejectionReason) =>
        [
          `${to} ${rejectionReason}`,
          row,
          { failed: true, errors: [], app: { bundleId: null, state: null, rejectionReason } },
        ] as const,
    ),
    ...(row.states ?? []).map(
      (state) =>
        [
          `${to} ${state}`,
          row,
          { failed: false, errors: [], app: { bundleId: null, state, rejectionReason: null } },
        ] as const,
    ),
  ];
});

describe('what answers mean', () => {
  it.each(cases)('F2 %s', (_name, row, answer) => {
    const { meaning, code, message } = classify(row.to ?? 'INSTALL_APP', answer);
    expect({ meaning, code, message }).toEqual({ meaning: row.meaning, code: row.code, message: row.message });
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
    const app = { bundleId: null, state: 'Failed', rejectionReason: 'Other' };
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
