/** One line for each step; in a terminal it counts the seconds while the step runs. */

const color = process.stderr.isTTY && !process.env.NO_COLOR;
const paint = (code, text) => (color ? `\u001b[${code}m${text}\u001b[0m` : text);

/** Runs `work` under `title` and writes how it went. `work` answers `{ ok, output }`. */
export async function step(title, work) {
  const began = performance.now();
  const seconds = () => `${((performance.now() - began) / 1000).toFixed(1)} s`;
  const ticking = process.stderr.isTTY ? setInterval(() => draw(title, seconds()), 200) : undefined;
  const { ok, output } = await work();
  clearInterval(ticking);
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  if (ok) console.error(`${paint(32, '✓')} ${title}  ${paint(2, seconds())}`);
  else failed(`${title}  ${seconds()}`, output);
  return ok;
}

/** Writes that something failed, and what it said. */
export function failed(title, output) {
  console.error(`${paint(31, '✗')} ${title}\n\n${output.trim()}`);
}

function draw(title, seconds) {
  process.stderr.write(`\r\u001b[K${paint(2, '…')} ${title}  ${paint(2, seconds)}`);
}
