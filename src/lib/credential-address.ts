/**
 * Addresses at which clouds hand out credentials to whoever asks from inside. Nobody runs a server there that somebody
 * else should call.
 * @module
 */
import { BlockList, isIP } from 'node:net';

/** Link-local addresses, and those that providers use besides. */
const refused = new BlockList();
refused.addSubnet('169.254.0.0', 16, 'ipv4');
refused.addSubnet('fe80::', 10, 'ipv6');
/** AWS, Google and Alibaba; Azure's fabric; Oracle's classic cloud. */
for (const address of ['fd00:ec2::254', 'fd20:ce::254']) refused.addAddress(address, 'ipv6');
for (const address of ['100.100.100.200', '168.63.129.16', '192.0.0.192']) refused.addAddress(address, 'ipv4');

const names =
  /^(metadata(\.(google|azure|tencentyun))?(\.internal|\.com)?|metadata\.goog|instance-data(\.ec2\.internal)?)\.?$/i;

/** Whether a host of a URL, a name or an address, is one of them by itself; see also where a name leads. */
export function isCredentialHost(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '');
  return isIP(bare) === 0 ? names.test(bare) : isCredentialAddress(bare);
}

/** Whether an IP address is one of them, however it is written: IPv6 has room for IPv4 addresses in several ways. */
export function isCredentialAddress(address: string): boolean {
  const bare = address.replace(/%.*$/, '');
  if (isIP(bare) === 4) return refused.check(bare, 'ipv4');
  return refused.check(bare, 'ipv6') || embedded(bare).some((ipv4) => refused.check(ipv4, 'ipv4'));
}

/** The IPv4 addresses that an IPv6 address may mean: mapped, compatible and translated ones at its end, 6to4 in its front. */
function embedded(address: string): string[] {
  const groups = groupsOf(address);
  const at = (index: number) => {
    const [high, low] = [groups[index]!, groups[index + 1]!];
    return [high >> 8, high & 255, low >> 8, low & 255].join('.');
  };
  const isZero = (from: number, to: number) => groups.slice(from, to).every((group) => group === 0);
  if (groups[0] === 0x2002) return [at(1)];
  if (groups[0] === 0x64 && groups[1] === 0xff9b) return [at(6)];
  if (isZero(0, 4) && (groups[4] === 0 || groups[4] === 0xffff) && (groups[5] === 0 || groups[5] === 0xffff))
    return [at(6)];
  return [];
}

function groupsOf(address: string): number[] {
  // The parser of URLs knows every way of writing one.
  const plain = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [front = '', back] = plain.split('::');
  const numbers = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const [first, last] = [numbers(front), numbers(back ?? '')];
  return [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
}
