import { describe, expect, it } from 'vitest';
import { colored, plain, wantsColors } from '../../src/demo/terminal/colors.ts';
import { progressLine } from '../../src/demo/terminal/progress-bar.ts';
import { plainScreen, terminalScreen } from '../../src/demo/terminal/screen.ts';
import { tableLines } from '../../src/demo/terminal/table.ts';
import { amount, clip, formatCount, pad, tame, widthOf, wrap } from '../../src/demo/terminal/text.ts';

const esc = '\u001b';

describe('text', () => {
  it('counts columns, not characters', () => {
    expect(widthOf('Lesen')).toBe(5);
    expect(widthOf('日本語')).toBe(6);
    expect(widthOf('👩‍🏫')).toBe(2);
    expect(widthOf('é')).toBe(1);
    expect(widthOf(colored('red', 'no'))).toBe(2);
  });

  it('shortens to a width and says so', () => {
    expect(clip('Field Guide', 11)).toBe('Field Guide');
    expect(clip('Field Guide', 6)).toBe('Field…');
    expect(clip('日本語', 4)).toBe('日…');
    expect(clip('Field', 0)).toBe('');
  });

  it('fills up by columns', () => {
    expect(pad('日', 4)).toBe('日  ');
    expect(pad('7', 3, 'right')).toBe('  7');
  });

  it('takes the sting out of the names of others', () => {
    expect(tame(`Evil${esc}[2J\nApp\u202e`)).toBe('Evil [2J App');
  });

  it('writes counts as people do', () => {
    expect(formatCount(1234567)).toBe('1,234,567');
    expect(formatCount('9007199254740993')).toBe('9,007,199,254,740,993');
    expect(formatCount(null)).toBe('∞');
    expect(amount(1, 'pages')).toBe('1 page');
    expect(amount(0, 'pages')).toBe('0 pages');
  });

  it('breaks between words', () => {
    expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrap('https://a.very/long/address x', 5)).toEqual(['https://a.very/long/address', 'x']);
  });
});

describe('table', () => {
  const columns = [
    { title: 'Name' },
    { title: 'Device assignable', short: 'Devices' },
    { title: 'Used', align: 'right' as const },
  ];
  const rows = [
    ['A Field Guide to Invented Birds', 'no', '1'],
    ['日本語の本', 'yes', '1,250'],
  ];

  it('puts the columns in line', () => {
    expect(tableLines(columns, rows, 80, plain)).toEqual([
      'Name                             Device assignable   Used',
      '─────────────────────────────────────────────────────────',
      'A Field Guide to Invented Birds  no                     1',
      '日本語の本                       yes                1,250',
    ]);
  });

  it('shortens titles and names before it gets wider than it may', () => {
    const lines = tableLines(columns, rows, 30, plain);
    expect(lines[0]).toBe('Name            Devices   Used');
    expect(lines[2]).toMatch(/^A Field .*… {2}no/);
    for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(30);
  });

  it('never gets wider, however little there is', () => {
    for (const line of tableLines(columns, rows, 12, plain)) expect(widthOf(line)).toBeLessThanOrEqual(12);
  });
});

describe('progress line', () => {
  const progress = { label: 'assignments', done: 3, total: 4, unit: 'pages', rate: 2.5 };

  it('shows phase, bar, count and rate in the width that there is', () => {
    expect(progressLine(progress, 60, plain)).toBe('assignments    ██████████████████░░░░░░  3 of 4 pages  2.5/s');
    expect(widthOf(progressLine(progress, 60, colored))).toBeLessThanOrEqual(62);
  });

  it.each([40, 50, 60, 79, 100])('fits into %i columns', (width) => {
    const line = progressLine({ ...progress, done: 123_456, total: 1_000_000, rate: 4_321, failed: 12 }, width, plain);
    expect(widthOf(line)).toBeLessThanOrEqual(width);
  });

  it('has no total while nobody knows it, and no bar where there is no space', () => {
    expect(progressLine({ ...progress, done: 0, total: 0, rate: null }, 60, plain)).toMatch(
      /^assignments +░+ {2}0 pages$/,
    );
    expect(progressLine(progress, 40, plain)).toBe('assignments    3 of 4 pages  2.5/s');
  });

  it('names what failed', () => {
    expect(progressLine({ ...progress, failed: 2 }, 80, plain)).toContain('  2 failed');
  });
});

describe('screen', () => {
  function recorder(facts: { isTTY?: boolean; columns?: number } = {}) {
    const written: string[] = [];
    return { ...facts, write: (text: string) => written.push(text), written };
  }

  it('draws a block over the one before in a terminal', () => {
    const output = recorder({ isTTY: true, columns: 80 });
    const screen = terminalScreen(output, plain);
    screen.show({ lines: ['one', 'two'], key: 'a' });
    screen.show({ lines: ['three'], key: 'a' });
    screen.line('done');
    expect(output.written).toEqual([
      `\rone${esc}[K\ntwo${esc}[K\n${esc}[J`,
      `\r${esc}[2Athree${esc}[K\n${esc}[J`,
      `\r${esc}[1A${esc}[Jdone\n`,
    ]);
  });

  it('goes back over lines that the window broke', () => {
    const output = recorder({ isTTY: true, columns: 10 });
    const screen = terminalScreen(output, plain);
    screen.show({ lines: ['x'.repeat(25)], key: 'a' });
    screen.clear();
    expect(output.written.at(-1)).toBe(`\r${esc}[3A${esc}[J`);
  });

  it('writes changed lines without escapes elsewhere: at once with a new key, else once a second', () => {
    const output = recorder();
    let now = 0;
    const screen = plainScreen(output, () => now);
    screen.show({ lines: ['1 of 9', 'used 1'], key: 'sending' });
    screen.show({ lines: ['2 of 9', 'used 1'], key: 'sending' });
    now = 1_000;
    screen.show({ lines: ['3 of 9', 'used 1'], key: 'sending' });
    screen.show({ lines: ['3 of 9', 'used 2'], key: 'confirming' });
    expect(output.written.join('')).toBe('1 of 9\nused 1\n3 of 9\nused 2\n');
  });

  it('uses colors only in a terminal, and not when they are unwanted', () => {
    expect(wantsColors({ isTTY: true }, {})).toBe(true);
    expect(wantsColors({}, {})).toBe(false);
    expect(wantsColors({ isTTY: true }, { NO_COLOR: '1' })).toBe(false);
    expect(wantsColors({ isTTY: true }, { TERM: 'dumb' })).toBe(false);
  });
});
