import { RevokeLicensesDocument } from '../../generated/operations/graphql.ts';
import { granted } from '../client.ts';
import { done, type Run, remark } from '../step.ts';
import { formatCount } from '../terminal/text.ts';
import type { Chosen } from './choose.ts';
import { countsText, moveLicenses } from './move-licenses.ts';

/** Takes the licenses back, so that the demo ends as it began. */
export async function revoke(run: Run, { app, serialNumbers }: Chosen): Promise<void> {
  const input = { appIds: [app.id], target: { serialNumbers } };
  const { task, after } = await moveLicenses(run, {
    appId: app.id,
    request: async () => {
      const { revokeLicenses } = await run.client.ask(RevokeLicensesDocument, { input });
      return granted(revokeLicenses).task.id;
    },
    expected: -serialNumbers.length,
    keep: (seen) => {
      run.report.revoke = seen;
    },
  });
  done(run.screen, `${formatCount(task.completed)} licenses taken back`, task.milliseconds);
  remark(run.screen, `after:  ${countsText(after)}`);
}
