/** What the simulator's journal has to look like. @module */
import type { JournalEntry } from '../../../src/simulator/index.ts';
import { pauses } from './faults.ts';

/** Pages that were read ahead stand in line already when another one is refused. Milliseconds. */
const line = 5 * 30;

const isPage = ({ operation }: JournalEntry) => operation === 'getAssets' || operation === 'getAssignments';
const whose = (entry: JournalEntry) => entry.uId ?? entry.operation;

/** No call comes earlier than the Retry-After of any answer before it allowed: of the same library, or of service/config. */
export function callsTooEarly(journal: readonly JournalEntry[]): string[] {
  const closed = new Map<string, { from: number; until: number; by: JournalEntry }>();
  const found: string[] = [];
  for (const entry of journal) {
    const at = Date.parse(entry.at);
    const pause = closed.get(whose(entry));
    if (pause && at > pause.from + (isPage(entry) ? line : 0) && at < pause.until) {
      const early = (pause.until - at) / 1000;
      found.push(`Request ${entry.n} (${entry.operation}) came ${early} s before request ${pause.by.n} allowed it`);
    }
    const milliseconds = entry.faults?.includes('error') ? pauses[entry.errorNumber ?? 0] : undefined;
    if (milliseconds)
      closed.set(whose(entry), { from: at, until: Math.max(at + milliseconds, pause?.until ?? 0), by: entry });
  }
  return found;
}

/** How many writes were sent, and how many of them Apple took and had not been told before. */
export function countWrites(
  journal: readonly JournalEntry[],
  movedOutside: ReadonlySet<string>,
): { sent: number; confirmed: number } {
  const last = new Map<string, string>();
  let sent = 0;
  let confirmed = 0;
  for (const { operation, eventId, uId, body } of journal) {
    if (operation !== 'associateAssets' && operation !== 'disassociateAssets') continue;
    sent++;
    if (!eventId || !body) continue;
    const items = body.adamIds.flatMap((adamId) => body.serials.map((serial) => `${adamId} ${serial}`));
    const told = items.filter((item) => !movedOutside.has(item) && last.get(`${uId} ${item}`) === operation);
    if (told.length < items.length) confirmed++;
    for (const item of items) last.set(`${uId} ${item}`, operation);
  }
  return { sent, confirmed };
}
