import { existsSync, readFileSync } from 'node:fs';
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

describe.each(['README.md', 'docs/errors.md', 'docs/subscriptions.md'])('the documents of %s', (page) => {
  it('are valid', () => {
    const documents = fencedBlocks(read(page), 'graphql');
    expect(documents).not.toEqual([]);
    for (const document of documents) expect(errorsOf(document)).toEqual([]);
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
