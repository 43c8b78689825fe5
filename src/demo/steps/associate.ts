import { AssociateLicensesDocument } from '../../generated/operations/graphql.ts';
import { granted } from '../client.ts';
import { done, type Run, remark } from '../step.ts';
import { formatCount } from '../terminal/text.ts';
import type { Chosen } from './choose.ts';
import { countsText, moveLicenses } from './move-licenses.ts';

/** Gives every chosen device a license of the app, and shows how Apple confirms them. */
export async function associate(run: Run, { app, serialNumbers }: Chosen): Promise<void> {
  const input = { appIds: [app.id], target: { serialNumbers } };
  const { task, before, after } = await moveLicenses(run, {
    appId: app.id,
    request: async () => {
      const { associateLicenses } = await run.client.ask(AssociateLicensesDocument, { input });
      return granted(associateLicenses).task.id;
    },
    expected: serialNumbers.length,
    keep: (seen) => {
      run.report.associate = seen;
    },
  });
  done(run.screen, `${formatCount(task.completed)} licenses given out, confirmed by Apple`, task.milliseconds);
  remark(run.screen, `before: ${countsText(before)}`);
  remark(run.screen, `after:  ${countsText(after)}`);
}
