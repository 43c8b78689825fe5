import { DemoAppsDocument, type DemoAppsQuery } from '../../generated/operations/graphql.ts';
import { readAll } from '../client.ts';
import { numbersOf } from '../report.ts';
import { type Run, remark } from '../step.ts';
import { type Column, tableLines } from '../terminal/table.ts';
import { formatCount } from '../terminal/text.ts';

/** An app of the organization's store. */
export type DemoApp = DemoAppsQuery['apps']['edges'][number]['node'];

/** Rows that are printed unless all are wanted. */
const most = 20;

const columns: Column[] = [
  { title: 'Name' },
  { title: 'Status' },
  { title: 'Device assignable', short: 'Devices' },
  { title: 'Licenses', align: 'right' },
  { title: 'Available', align: 'right' },
  { title: 'Used', align: 'right' },
];

/** Prints the page of purchased apps, and gives all of them. */
export async function showApps({ client, screen, options, report }: Run): Promise<DemoApp[]> {
  const apps = await readAll(async (after) => (await client.ask(DemoAppsDocument, { first: 100, after })).apps);
  report.apps = apps.map(({ adamId, name, licenses }) => {
    const { total, available, used } = numbersOf(licenses);
    return { adamId, name, total, available, used };
  });
  const shown = options.all ? apps : apps.slice(0, most);
  for (const line of tableLines(columns, shown.map(rowOf), screen.width - 2, screen.paint)) screen.line(`  ${line}`);
  const left = apps.length - shown.length;
  if (left > 0) remark(screen, `and ${left} more: npm run demo -- --all prints them`);
  return apps;
}

function rowOf({ name, adamId, status, deviceAssignable, licenses }: DemoApp): string[] {
  const { total, available, used } = licenses;
  return [
    name ?? adamId,
    status,
    deviceAssignable ? 'yes' : 'no',
    formatCount(total),
    formatCount(available),
    formatCount(used),
  ];
}
