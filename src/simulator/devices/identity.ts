/**
 * A certificate authority for simulated devices. Node makes keys and signatures but no certificates, so their DER is
 * written here: version 3, P-256, and of the extensions only what a server checks. @module
 */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** Issues certificates. */
export interface Authority {
  /** Its own certificate, as servers want it (NanoMDM: `-ca`). */
  pem: string;
  /** A new certificate for a device as RFC 9440 writes it, for a header. */
  issue(commonName: string): string;
}

/** Makes an authority of its own. */
export function createAuthority(): Authority {
  const name = 'Simulated Device CA';
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const own = certificate({ issuer: name, subject: name, publicKey, signer: privateKey, extensions: [isAuthority] });
  const lines = own.toString('base64').match(/.{1,64}/g)!;
  return {
    pem: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    issue: (subject) => {
      const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const extensions = [forClients];
      const der = certificate({ issuer: name, subject, publicKey: keys.publicKey, signer: privateKey, extensions });
      return `:${der.toString('base64')}:`;
    },
  };
}

interface Draft {
  issuer: string;
  subject: string;
  publicKey: KeyObject;
  signer: KeyObject;
  extensions: Buffer[];
}

const [sequenceTag, setTag] = [0x30, 0x31];
const ecdsaWithSha256 = sequence(objectId('2a8648ce3d040302'));
/** BasicConstraints, critical: an authority. */
const isAuthority = sequence(objectId('551d13'), der(0x01, [0xff]), der(0x04, sequence(der(0x01, [0xff]))));
/** ExtendedKeyUsage: client authentication. */
const forClients = sequence(objectId('551d25'), der(0x04, sequence(objectId('2b06010505070302'))));

function certificate({ issuer, subject, publicKey, signer, extensions }: Draft): Buffer {
  const body = sequence(
    der(0xa0, der(0x02, [2])),
    der(0x02, [0x01, ...randomBytes(15)]),
    ecdsaWithSha256,
    nameOf(issuer),
    sequence(time(-1), time(3650)),
    nameOf(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  );
  return sequence(body, ecdsaWithSha256, der(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', body, signer)])));
}

function nameOf(text: string): Buffer {
  return sequence(der(setTag!, sequence(objectId('550403'), der(0x0c, Buffer.from(text)))));
}

/** So many days from now; these certificates are for real servers, so it is the machine's time. */
function time(days: number): Buffer {
  const at = new Date(Date.now() + days * 86_400_000).toISOString();
  return der(0x18, Buffer.from(`${at.slice(0, 19).replaceAll(/[-T:]/g, '')}Z`));
}

function objectId(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'));
}

function sequence(...parts: Buffer[]): Buffer {
  return der(sequenceTag!, Buffer.concat(parts));
}

function der(tag: number, content: Buffer | number[]): Buffer {
  const bytes = Buffer.from(content);
  const { length } = bytes;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), bytes]);
}
