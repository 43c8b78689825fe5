import type { Context } from '../context.ts';
import { callApple } from '../token/call-apple.ts';
import type { TokenKey } from '../token/gate.ts';
import { type Carried, itemKey } from './call.ts';

/** Up to this many holders are asked for one by one; above it the assets' whole lists are read. */
const askSingly = 20;

/** Which of the items Apple has right now: the truth where a write's outcome is not known. */
export async function readPresent(context: Context, token: TokenKey, items: readonly Carried[]): Promise<Set<string>> {
  const wanted = new Set(items.map(itemKey));
  const present = new Set<string>();
  for (const query of queriesFor(items)) {
    let pageIndex: number | null = 0;
    while (pageIndex !== null) {
      const at: number = pageIndex;
      const page = await callApple(context, token, 'READ', (credential) =>
        context.apple.readAssignments(credential, { ...query, pageIndex: at }),
      );
      for (const row of page.rows) {
        const key = itemKey(row);
        if (wanted.has(key)) present.add(key);
      }
      pageIndex = page.nextPageIndex;
    }
  }
  return present;
}

type HolderQuery = { serialNumber: string } | { clientUserId: string } | { adamId: string };

function queriesFor(items: readonly Carried[]): HolderQuery[] {
  const serials = new Set(items.flatMap((item) => item.serialNumber ?? []));
  const users = new Set(items.flatMap((item) => item.clientUserId ?? []));
  const assets = new Set(items.map((item) => item.adamId));
  if (serials.size + users.size > Math.max(askSingly, assets.size)) return [...assets].map((adamId) => ({ adamId }));
  return [
    ...[...serials].map((serialNumber) => ({ serialNumber })),
    ...[...users].map((clientUserId) => ({ clientUserId })),
  ];
}
