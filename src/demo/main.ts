/** `npm run demo`: the main job against a running sandbox, for people, or for programs with `--json`. @module */
import { type DemoOptions, readOptions, usage } from './arguments.ts';
import { now } from './clock.ts';
import { DemoFailure } from './failure.ts';
import type { Report } from './report.ts';
import { runDemo } from './run.ts';
import { colored, plain, wantsColors } from './terminal/colors.ts';
import { noScreen, plainScreen, type Screen, terminalScreen } from './terminal/screen.ts';
import { tame, wrap } from './terminal/text.ts';

/** A signal this soon after the first is an echo: npm passes Ctrl-C on to a program that the terminal told already. */
const echo = 1_000;

const parameters = process.argv.slice(2);
const output = process.stdout;
const report: Report = { ok: false };
const interrupted = new AbortController();
stopOnSignals();
// Whoever reads the output may go early, as `head` does.
output.on('error', () => process.exit(1));

const stopped = new DemoFailure('INTERRUPTED', 'Stopped.', [
  'What was begun goes on without this client; the next run tidies up.',
]);

process.exitCode = await demo();

async function demo(): Promise<number> {
  const asJson = parameters.includes('--json');
  const screen = asJson ? noScreen : screenFor();
  try {
    const options: DemoOptions | null = readOptions(parameters, process.env);
    if (options) await runDemo(options, screen, report, interrupted.signal);
    else output.write(`${usage}\n`);
    return finish(options !== null && asJson, 0);
  } catch (error) {
    explain(screen, interrupted.signal.aborted ? stopped : error);
    return finish(asJson, interrupted.signal.aborted ? 130 : 1);
  }
}

function screenFor(): Screen {
  const paint = wantsColors(output, process.env) ? colored : plain;
  return output.isTTY && process.env.TERM !== 'dumb' ? terminalScreen(output, paint) : plainScreen(output, now);
}

function explain(screen: Screen, error: unknown): void {
  const { code, message, hints } = asFailure(error);
  report.error = { code, message, hints };
  screen.line();
  const [first = '', ...others] = wrap(tame(message), screen.width - 2);
  screen.line(`${screen.paint('red', '✗')} ${first}`);
  for (const line of others) screen.line(`  ${line}`);
  for (const hint of hints)
    for (const line of wrap(hint, screen.width - 2)) screen.line(screen.paint('dim', `  ${line}`));
  if (/^[A-Z_]+$/.test(code) && code !== 'INTERRUPTED') screen.line(screen.paint('dim', `  code: ${code}`));
  screen.line();
}

function asFailure(error: unknown): DemoFailure {
  if (error instanceof DemoFailure) return error;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new DemoFailure('DEMO_BUG', 'The demo itself failed; this is a bug.', text.split('\n'));
}

function finish(asJson: boolean, exitCode: number): number {
  if (asJson) output.write(`${JSON.stringify(report, null, 2)}\n`);
  return exitCode;
}

/** The first Ctrl-C ends the demo in order, a second one at once. */
function stopOnSignals(): void {
  let first: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (first !== undefined && now() - first > echo) process.exit(130);
      first ??= now();
      interrupted.abort();
    });
  }
}
