import { SyncLicensesDocument } from '../../generated/operations/graphql.ts';
import { granted } from '../client.ts';
import { now } from '../clock.ts';
import { DemoFailure } from '../failure.ts';
import { done, type Run, remark } from '../step.ts';
import { formatCount } from '../terminal/text.ts';
import { expectAll, watchTask } from './watch-task.ts';

/** Reads the token's library from Apple, page by page, and shows how far it is. */
export async function sync(run: Run, tokenId: string): Promise<void> {
  const { client, screen, report } = run;
  const began = now();
  const { syncLicenses } = await client.ask(SyncLicensesDocument, { input: { tokenIds: [tokenId] } });
  const [started] = granted(syncLicenses).syncs;
  if (!started) throw new DemoFailure('NO_SYNC', 'The API began no sync and did not say why.');
  report.sync = await watchTask(run, { taskId: started.task.id, unit: 'pages', began });
  expectAll(report.sync);
  screen.clear();
  const { completed, seqs, phases, milliseconds } = report.sync;
  done(screen, `${formatCount(completed)} pages, ${formatCount(seqs.length)} events`, milliseconds);
  remark(screen, `Phases: ${phases.map((phase) => phase.toLowerCase()).join(', ')}`);
  if (started.joined) remark(screen, 'A sync was under way already; this run joined it.');
}
