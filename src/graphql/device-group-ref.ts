import type { DeviceGroupRow } from '../domain/device-group/row.ts';
import { builder } from './builder.ts';

export const DeviceGroupRef = builder.objectRef<DeviceGroupRow>('DeviceGroup');
