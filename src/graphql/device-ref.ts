import type { DeviceRow } from '../domain/device/row.ts';
import { builder } from './builder.ts';

export const DeviceRef = builder.objectRef<DeviceRow>('Device');
