import type { VppUserRow } from '../domain/vpp-user/row.ts';
import { builder } from './builder.ts';

export const VppUserRef = builder.objectRef<VppUserRow>('VppUser');
