/** What the devices of a sandbox have on them from the start. @module */
import type { InitialApp } from '../devices/make.ts';
import { plainApps, school } from './school-apps.ts';

/** Some managed apps, a few of them behind, one of the school's own and one that people installed. */
export const fleetApps: readonly InitialApp[] = [
  { adamId: plainApps[3]!, share: 0.6 },
  { adamId: plainApps[4]!, share: 0.5, behind: 1 },
  { adamId: school.customApp, share: 0.2 },
  { bundleId: 'example.riverbend.timetable', name: 'Timetable', version: '2.4', share: 0.3 },
  { adamId: plainApps[5]!, share: 0.2, managed: false },
];
