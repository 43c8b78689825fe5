/** The benches, in the order of the report; each is a file of its own in `benches`. @module */
export const names = [
  'viewer',
  'apps',
  'devices',
  'sync',
  'reserve',
  'associate',
  'deploy',
  'updates',
  'inventory',
  'fanout',
  'idle',
  'flat',
];
