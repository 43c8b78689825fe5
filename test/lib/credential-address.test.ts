import { expect, test } from 'vitest';
import { isCredentialHost } from '../../src/lib/credential-address.ts';

test.each([
  '169.254.169.254',
  '169.254.170.2',
  '100.100.100.200',
  '168.63.129.16',
  '[fe80::1]',
  '[febf::1]',
  '[fd00:ec2::254]',
  '[fd00:0ec2:0:0:0:0:0:254]',
  '[fd20:ce::254]',
  '[::ffff:169.254.169.254]',
  '[::ffff:a9fe:a9fe]',
  '[0:0:0:0:0:ffff:a9fe:a9fe]',
  '[::a9fe:a9fe]',
  '[::ffff:0:a9fe:a9fe]',
  '[64:ff9b::a9fe:a9fe]',
  '[2002:a9fe:a9fe::1]',
  'metadata',
  'METADATA.google.internal',
  'metadata.google.internal.',
  'metadata.goog',
  'instance-data.ec2.internal',
])('§5.1 %s is where a cloud hands out credentials', (host) => {
  expect(isCredentialHost(host)).toBe(true);
});

test.each([
  '127.0.0.1',
  '10.0.0.7',
  '192.168.1.1',
  '169.253.1.1',
  '[::1]',
  '[fd12:3456::1]',
  '[2001:db8::a9fe:a9fe]',
  'mdm.example.org',
  'metadata.example.org',
  'localhost',
])('§5.1 %s may be an MDM server', (host) => {
  expect(isCredentialHost(host)).toBe(false);
});
