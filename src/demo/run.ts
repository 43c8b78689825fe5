/** One run: the steps in their order. @module */
import { ViewerDocument } from '../generated/operations/graphql.ts';
import type { DemoOptions } from './arguments.ts';
import { createClient } from './client.ts';
import { now } from './clock.ts';
import { DemoFailure } from './failure.ts';
import { connectLive } from './live.ts';
import type { Report } from './report.ts';
import { type Run, step } from './step.ts';
import { associate } from './steps/associate.ts';
import { choose } from './steps/choose.ts';
import { listDevices } from './steps/list-devices.ts';
import { revoke } from './steps/revoke.ts';
import { showApps } from './steps/show-apps.ts';
import { summarize } from './steps/summarize.ts';
import { sync } from './steps/sync.ts';
import { uploadToken } from './steps/upload-token.ts';
import type { Screen } from './terminal/screen.ts';
import { tame, wrap } from './terminal/text.ts';

/** Runs all steps; throws a {@link DemoFailure} for what is expected to go wrong. */
export async function runDemo(
  options: DemoOptions,
  screen: Screen,
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  const began = now();
  const live = connectLive(options, signal);
  const run: Run = { options, client: createClient(options, signal), live, screen, report, signal };
  report.url = options.url;
  try {
    await greet(run);
    const tokenId = await step(run, 'Upload the content token', () => uploadToken(run));
    await step(run, 'Add devices to the list', () => listDevices(run));
    await step(run, 'Sync the library', () => sync(run, tokenId));
    const apps = await step(run, 'Purchased apps', () => showApps(run));
    const chosen = await step(run, 'Choose an app and devices', () => choose(run, apps));
    await step(run, 'Associate licenses', () => associate(run, chosen));
    await step(run, 'Revoke them', () => revoke(run, chosen));
    report.milliseconds = Math.round(now() - began);
    report.ok = true;
    summarize(run);
  } finally {
    await live.close();
  }
}

async function greet({ client, screen, options, report }: Run): Promise<void> {
  const { viewer } = await client.ask(ViewerDocument, {});
  const { mode, version } = viewer.installation;
  report.version = version;
  report.organization = viewer.organization.name;
  screen.line();
  screen.line(screen.paint('bold', 'Russet: the main job, as a client does it'));
  const facts = `${options.url} · ${mode.toLowerCase()} · version ${version} · ${tame(viewer.organization.name)}`;
  for (const line of wrap(facts, screen.width)) screen.line(screen.paint('dim', line));
  if (mode !== 'SANDBOX')
    throw new DemoFailure('NOT_A_SANDBOX', 'This is a production installation. Nothing was done.', [
      'The demo gives out and takes back licenses, so it only works with a sandbox: npm start brings one up.',
    ]);
}
