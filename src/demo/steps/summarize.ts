import { duration } from '../clock.ts';
import type { SeenTask } from '../report.ts';
import type { Run } from '../step.ts';
import { formatCount, pad } from '../terminal/text.ts';

/** The last lines: what was done, how long it took, where to go on. */
export function summarize({ report, screen, options }: Run): void {
  const { sync, associate, revoke, milliseconds } = report;
  if (!sync || !associate || !revoke || milliseconds === undefined) return;
  const rows = [
    ['sync', `${formatCount(sync.completed)} pages`, duration(sync.milliseconds)],
    ['associate', speed(associate.task), duration(associate.task.milliseconds)],
    ['revoke', speed(revoke.task), duration(revoke.task.milliseconds)],
    ['all', events([sync, associate.task, revoke.task]), duration(milliseconds)],
  ];
  screen.line();
  screen.line(screen.paint('bold', 'Summary'));
  for (const [name = '', what = '', time = ''] of rows)
    screen.line(`  ${pad(name, 10)} ${pad(time, 9, 'right')}   ${screen.paint('dim', what)}`);
  screen.line();
  screen.line(screen.paint('dim', `Go on in a browser: ${options.url}`));
  screen.line(screen.paint('dim', 'Next: README.md, "Install an app on a simulated device"'));
  screen.line();
}

function speed({ completed, milliseconds }: SeenTask): string {
  const rate = milliseconds > 0 ? `, ${formatCount(Math.round((completed / milliseconds) * 1000))}/s` : '';
  return `${formatCount(completed)} licenses${rate}`;
}

function events(tasks: readonly SeenTask[]): string {
  const sum = (count: (task: SeenTask) => number) => tasks.reduce((total, task) => total + count(task), 0);
  const reconnects = sum((task) => task.reconnects);
  const missing = tasks.every((task) => task.gapless) ? 'none missing' : 'some missing';
  const again = reconnects > 0 ? `, reconnected ${reconnects} times` : '';
  return `${formatCount(sum((task) => task.seqs.length))} events, ${missing}${again}`;
}
