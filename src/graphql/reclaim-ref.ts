import type { ReclaimRuleRow, ReclaimRunRow } from '../domain/reclaim/rule.ts';
import { builder } from './builder.ts';
import { ReclaimReasonEnum } from './enums.ts';
import { optionalRowId, rowIds } from './ids.ts';

export const ReclaimRuleRef = builder.objectRef<ReclaimRuleRow>('ReclaimRule');
export const ReclaimRunRef = builder.objectRef<ReclaimRunRow>('ReclaimRun');

/** A rule as it is given. */
export const ReclaimRuleInput = builder.inputType('ReclaimRuleInput', {
  description: 'Which licenses come back, and after how long.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'What people call it, at most 100 characters.' }),
    reason: t.field({ type: ReclaimReasonEnum, required: true, description: 'What has to be so.' }),
    days: t.int({ required: true, description: 'For how many days it has to have been so, 0 to 3,650.' }),
    graceDays: t.int({ required: true, description: 'How many days pass between mark and revoke, 0 to 365.' }),
    appIds: t.idList({ description: 'Only these apps, at most 1,000; all when absent or empty.' }),
    exceptAppIds: t.idList({ description: 'Never these apps, at most 1,000.' }),
    groupId: t.id({ description: 'Only devices that are in this group then.' }),
    exceptGroupId: t.id({ description: 'Never devices that are in this group then.' }),
    enabled: t.boolean({ description: 'Whether it runs by itself; true when absent.' }),
  }),
});

type Given = typeof ReclaimRuleInput.$inferInput;

/** The same with ids of rows. */
export const ruleOf = ({ appIds, exceptAppIds, groupId, exceptGroupId, ...rest }: Given) => ({
  ...rest,
  appIds: rowIds('App', appIds, ['appIds']),
  exceptAppIds: rowIds('App', exceptAppIds, ['exceptAppIds']),
  groupId: optionalRowId('DeviceGroup', groupId, ['groupId']),
  exceptGroupId: optionalRowId('DeviceGroup', exceptGroupId, ['exceptGroupId']),
});
