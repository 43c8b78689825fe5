import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSchema, parse, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { fencedBlocks } from './fenced-blocks.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const readme = read('README.md');
const schema = buildSchema(read('schema/schema.graphql'));
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

const errorsOf = (document: string) => validate(schema, parse(document)).map(({ message }) => message);

const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
/** Those of Russet: docs/performance.md also has what the reference was asked. */
const documentsOf = (page: string) =>
  fencedBlocks(read(page).replace(/^PostGraphile: .*\n\n```graphql\n[\s\S]*?^```$/gm, ''), 'graphql');
const withDocuments = ['README.md', ...pages.map((name) => `docs/${name}`)].filter(
  (page) => documentsOf(page).length > 0,
);

it('pages on what one asks for have documents', () => {
  const wanted = ['deployments', 'devices', 'errors', 'reclaim', 'storefront', 'subscriptions', 'updates'];
  expect(withDocuments).toEqual(expect.arrayContaining(['README.md', ...wanted.map((name) => `docs/${name}.md`)]));
});

describe.each(withDocuments)('the documents of %s', (page) => {
  it('are valid', () => {
    for (const document of documentsOf(page)) expect(errorsOf(document)).toEqual([]);
  });
});

describe('README.md', () => {
  it('has valid documents inside its commands, too', () => {
    const bodies = fencedBlocks(readme, 'bash').flatMap((block) => [...block.matchAll(/"query": "([^"]+)"/g)]);
    expect(bodies).toHaveLength(3);
    for (const [, document = ''] of bodies) expect(errorsOf(document)).toEqual([]);
  });

  it('names only npm scripts that exist', () => {
    const named = [...readme.matchAll(/\bnpm (?:run )?([a-z][a-z:]*)/g)].map(([, name = '']) => name);
    expect(named).toContain('demo');
    for (const name of named.filter((one) => one !== 'run')) expect(Object.keys(scripts)).toContain(name);
  });

  it('links only to files that exist', () => {
    const links = [...readme.matchAll(/\]\(([^)]+)\)/g)].map(([, target = '']) => target);
    const files = links.filter((target) => !target.startsWith('https://'));
    expect(files.length).toBeGreaterThan(5);
    for (const file of files) expect([file, existsSync(join(root, file))]).toEqual([file, true]);
  });

  it('gives the settings and defaults of .env.example', () => {
    const rows = [...readme.matchAll(/^\| `([A-Z_]+)` \| (?:`([^`]*)`)? ?\|/gm)];
    expect(rows.length).toBeGreaterThan(5);
    const settings = read('.env.example');
    for (const [, name, value = ''] of rows)
      expect(settings).toMatch(new RegExp(`^#?${name}=${value.replaceAll('.', '\\.')}$`, 'm'));
  });

  it('shows every document of its two-line summary of files', () => {
    for (const page of ['architecture', 'subscriptions', 'errors', 'simulator'])
      expect(readme).toContain(`(docs/${page}.md)`);
  });
});
