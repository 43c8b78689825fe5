import { expect, test } from 'vitest';
import { iconUrl, toIconTemplate } from '../../../src/apple/metadata/icon.ts';

test.each([
  ['https://img.example/i/{w}x{h}bb.{f}', 'https://img.example/i/{w}x{h}bb.{f}'],
  ['https://img.example/a1x2/i.png/128x128bb.png', 'https://img.example/a1x2/i.png/{w}x{h}bb.{f}'],
  ['https://img.example/i/360x216.jpg', 'https://img.example/i/{w}x{h}.{f}'],
  ['https://img.example/icon.png', 'https://img.example/icon.png'],
  ['javascript:alert(1)', null],
  ['data:image/png;base64,AAAA', null],
])('the template of %s', (address, template) => {
  expect(toIconTemplate(address)).toBe(template);
});

test('an icon of a size', () => {
  expect(iconUrl('https://img.example/i/{w}x{h}{c}.{f}', 512)).toBe('https://img.example/i/512x512bb.png');
  expect(iconUrl('https://img.example/{x}/icon.png', 64)).toBe('https://img.example/{x}/icon.png');
});
