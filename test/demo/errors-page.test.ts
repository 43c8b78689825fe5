import { readdirSync, readFileSync } from 'node:fs';
import { buildSchema, type GraphQLEnumType } from 'graphql';
import { describe, expect, it } from 'vitest';
import { itemFailure } from '../../src/domain/license/item-failure.ts';
import { causes } from '../../src/domain/operation/cause.ts';
import { answerRows, classify } from '../../src/domain/operation/classify.ts';
import { stopTexts } from '../../src/domain/update/stop.ts';
import { errorCodes } from '../../src/graphql/error-codes.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const page = read('docs/errors.md');
const [refusals = '', ofItems = '', topLevel = ''] = page.split(/^## Codes (?:of installs|at the top level).*$/m);
const schema = buildSchema(read('schema/schema.graphql'));

/** Rows of the tables by their code. */
function rowsOf(text: string): Map<string, string> {
  return new Map([...text.matchAll(/^\| `([A-Z_]+)` \|(.*)$/gm)].map(([, code = '', row = '']) => [code, row]));
}

/** What has codes that no item and no cause of a task carries: they are in docs of their own. */
const ofOthers = [
  'deployment/problem.ts',
  'mdm/warnings.ts',
  'notification/registration-failure.ts',
  'notification/state.ts',
  'reclaim/run.ts',
  'update/pause.ts',
  'update/rollouts.ts',
  'update/decide.ts',
];

/** Every code that the domain writes down as such, or calls one of Apple's numbers by. */
function writtenCodes(): Set<string> {
  const files = readdirSync(new URL('../../src/domain', import.meta.url), { recursive: true, encoding: 'utf8' });
  const sources = files.filter((file) => file.endsWith('.ts') && !ofOthers.includes(file));
  const codes = /\bcode: '([A-Z]+(?:_[A-Z]+)+)'|\b9\d{3}: '([A-Z_]+)'|: '(APPLE_[A-Z_]+)'/g;
  const found = sources.flatMap((file) => [...read(`src/domain/${file}`).matchAll(codes)]);
  return new Set(found.map(([, ...groups]) => groups.find((code) => code !== undefined)!));
}

const sorted = (codes: Iterable<string>) => [...codes].sort();

describe('docs/errors.md', () => {
  it('lists exactly the codes of ErrorCode, in the schema and in the code', () => {
    const codes = (schema.getType('ErrorCode') as GraphQLEnumType).getValues().map(({ name }) => name);
    expect(sorted(rowsOf(refusals).keys())).toEqual(sorted(codes));
    expect(sorted(rowsOf(refusals).keys())).toEqual(sorted(Object.keys(errorCodes)));
  });

  it('names the data of every refusal', () => {
    const common = ['code', 'message', 'path'];
    const userError = schema.getType('UserError');
    for (const type of schema.getPossibleTypes(userError as never)) {
      const code = type.name
        .replace(/Error$/, '')
        .replace(/(?!^)([A-Z])/g, '_$1')
        .toUpperCase();
      const row = rowsOf(refusals).get(code);
      expect([type.name, row === undefined]).toEqual([type.name, false]);
      for (const field of Object.keys(type.getFields()).filter((name) => !common.includes(name)))
        expect(row).toMatch(new RegExp(`\`${field}\\b`));
    }
  });

  it('lists every code that only items and causes of tasks have, and no other', () => {
    const unknown = classify('INSTALL_APP', { failed: true, errors: [] }).code;
    // What an update that stayed without a cause is called (domain/update/collect.ts).
    const given = new Set<string>([...Object.keys(stopTexts), unknown, 'UPDATE_UNCHANGED', ...writtenCodes()]);
    for (const { code } of answerRows) given.add(code);
    for (const cause of Object.values(causes)) given.add((typeof cause === 'function' ? cause(null) : cause).code);
    const only = [...given].filter((code) => !(code in errorCodes));
    expect(only.length).toBeGreaterThan(30);
    expect(sorted(rowsOf(ofItems).keys())).toEqual(sorted(only));
    expect(only).toEqual(
      expect.arrayContaining(['APPLE_DOES_NOT_APPLY', 'UNKNOWN_USER', 'OUT_OF_SCOPE', 'TOKEN_REMOVED']),
    );
    const { code } = itemFailure(9603, '');
    expect(ofItems).toContain(`e.g. \`${code}\``);
  });

  it('lists every code that the edge gives out by itself', () => {
    const files = ['src/graphql/errors.ts', 'src/graphql/limits.ts', 'src/graphql/cost.ts', 'src/http/websocket.ts'];
    const edge = [...files, 'src/http/graphql-endpoint.ts', 'src/http/server.ts'].map(read).join('\n');
    const given = new Set(
      [...edge.matchAll(/'([A-Z]+(?:_[A-Z]+)+|UNAUTHENTICATED|FORBIDDEN)'/g)].map(([, code]) => code!),
    );
    expect(given.size).toBeGreaterThan(12);
    for (const code of given) expect([code, rowsOf(topLevel).has(code)]).toEqual([code, true]);
  });
});
