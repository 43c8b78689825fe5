import { DemoCountsDocument, DemoHoldersDocument } from '../../generated/operations/graphql.ts';
import { readAll } from '../client.ts';
import { DemoFailure } from '../failure.ts';
import { type Numbers, numbersOf } from '../report.ts';
import type { Run } from '../step.ts';

/** The counts of an app now. */
export async function readNumbers({ client }: Run, appId: string): Promise<Numbers> {
  const { app } = await client.ask(DemoCountsDocument, { id: appId });
  if (!app) throw new DemoFailure('NOT_FOUND', 'The app is gone: somebody removed its token meanwhile.');
  return numbersOf(app.licenses);
}

/** Serial numbers of the devices to which Russet gave a license of the app. */
export async function readHolders({ client }: Run, appId: string): Promise<string[]> {
  const licenses = await readAll(
    async (after) => (await client.ask(DemoHoldersDocument, { first: 100, after, appId })).licenses,
  );
  return licenses.flatMap(({ serialNumber }) => serialNumber ?? []);
}
