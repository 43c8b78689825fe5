/** Control of content tokens. @module */
import type { SimulatorAdmin, TokenInfo, TokenOrder } from './admin-types.ts';
import { appleDate } from './apple/dates.ts';
import { type ContentToken, daysAfter, mintToken, tokenState } from './apple/tokens.ts';
import type { World } from './apple/world.ts';

/** The verbs on tokens. */
export function tokenVerbs(world: World): Pick<SimulatorAdmin, 'tokens' | 'tokenFile' | 'issueToken' | 'revokeToken'> {
  return {
    tokens: () => world.tokens.map((token) => describe(world, token)),
    tokenFile: (name) => tokenOf(world, name).text,
    issueToken: (order) => describe(world, issue(world, order)),
    revokeToken: (name) => {
      const token = tokenOf(world, name);
      token.revoked = true;
      world.changes++;
      return describe(world, token);
    },
  };
}

function issue(world: World, order: TokenOrder): ContentToken {
  const older = order.name === undefined ? undefined : tokenOf(world, order.name);
  const uId = older?.uId ?? order.uId;
  const unit = uId === undefined ? undefined : world.units.get(uId);
  if (!unit) throw new Error('issueToken needs the uId of a library or the name of a token');
  const known = world.tokens.filter((token) => token.uId === unit.uId);
  if (order.revokeOlder) for (const token of known) token.revoked = true;
  const token = mintToken(
    {
      name: order.as ?? freeName(world, order.name ?? unit.uId),
      uId: unit.uId,
      orgName: older?.orgName ?? known[0]?.orgName ?? unit.name,
      expiresAt: expiry(world, order),
      readOnly: order.kind === 'readOnly',
      legacy: order.kind === 'legacy',
    },
    world.random,
  );
  if (world.tokens.some((other) => other.name === token.name)) throw new Error(`a token ${token.name} exists`);
  world.tokens.push(token);
  world.changes++;
  return token;
}

function expiry(world: World, { expDate, kind }: TokenOrder): number {
  if (expDate === undefined) return daysAfter(world.now(), kind === 'expired' ? -1 : 335);
  const moment = Date.parse(expDate.replace(/([+-]\d{2})(\d{2})$/, '$1:$2'));
  if (Number.isNaN(moment)) throw new Error(`not a date: ${expDate}`);
  return moment;
}

function freeName(world: World, stem: string): string {
  for (let number = 2; ; number++) {
    const name = `${stem}-${number}`;
    if (!world.tokens.some((token) => token.name === name)) return name;
  }
}

function tokenOf(world: World, name: string): ContentToken {
  const token = world.tokens.find((one) => one.name === name);
  if (!token) throw new Error(`no token ${name}; known: ${world.tokens.map((one) => one.name).join(', ')}`);
  return token;
}

function kindOf(token: ContentToken): TokenInfo['kind'] {
  if (token.legacy) return 'legacy';
  return token.readOnly ? 'readOnly' : 'full';
}

function describe(world: World, token: ContentToken): TokenInfo {
  return {
    name: token.name,
    kind: kindOf(token),
    uId: token.uId,
    orgName: token.orgName,
    innerToken: token.inner,
    expDate: appleDate(token.expiresAt),
    state: tokenState(token, world.now()),
    text: token.text,
  };
}
