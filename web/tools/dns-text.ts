/** Records as a zone file writes them (RFC 1035 §5.1, RFC 3597 §5, RFC 9460 §2.1): to read, and to paste. */
import type { DnsRecord } from '../../src/index.ts';

/** `example.internal. 300 IN A 10.0.0.1` */
export function zoneLine(record: DnsRecord): string {
  return `${absolute(record.name)} ${record.ttl} IN ${typeText(record)} ${dataText(record)}`;
}

export function typeText(record: DnsRecord): string {
  return record.type === 'OTHER' ? `TYPE${record.code}` : record.type;
}

export function dataText(record: DnsRecord): string {
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return record.address;
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return absolute(record.target);
    case 'MX':
      return `${record.preference} ${absolute(record.exchange)}`;
    case 'TXT':
      return record.data.map(quoted).join(' ');
    case 'SRV':
      return `${record.priority} ${record.weight} ${record.port} ${absolute(record.target)}`;
    case 'SOA': {
      const { mname, rname, serial, refresh, retry, expire, minimum } = record;
      return [absolute(mname), absolute(rname), serial, refresh, retry, expire, minimum].join(' ');
    }
    case 'CAA':
      return `${record.critical ? 128 : 0} ${record.tag} ${quotedText(record.value)}`;
    case 'NAPTR': {
      const { order, preference, flags, services, regexp, replacement } = record;
      const texts = [flags, services, regexp].map(quotedText);
      return [order, preference, ...texts, absolute(replacement)].join(' ');
    }
    case 'SVCB':
    case 'HTTPS':
      return [record.priority, absolute(record.target), ...record.params.map(parameterText)].join(' ');
    case 'OTHER':
      return `\\# ${record.data.length} ${hex(record.data)}`.trimEnd();
  }
}

function absolute(name: string): string {
  return name.endsWith('.') ? name : `${name}.`;
}

/** Bytes that are no plain character are \DDD, so that nothing in an answer can pretend to be something else. */
function quoted(bytes: Uint8Array): string {
  const text = Array.from(bytes, (byte) => {
    if (byte === 0x22 || byte === 0x5c) return `\\${String.fromCharCode(byte)}`;
    return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\${String(byte).padStart(3, '0')}`;
  });
  return `"${text.join('')}"`;
}

function quotedText(text: string): string {
  return quoted(new TextEncoder().encode(text));
}

const ALPN = 1;
const NO_DEFAULT_ALPN = 2;
const PORT = 3;
const IPV4_HINT = 4;

function parameterText({ key, value }: { key: number; value: Uint8Array }): string {
  if (key === ALPN) return `alpn=${quotedText(lengthPrefixed(value).join(','))}`;
  if (key === NO_DEFAULT_ALPN && value.length === 0) return 'no-default-alpn';
  if (key === PORT && value.length === 2) return `port=${(value[0]! << 8) | value[1]!}`;
  if (key === IPV4_HINT && value.length > 0 && value.length % 4 === 0) return `ipv4hint=${ipv4List(value)}`;
  return value.length === 0 ? `key${key}` : `key${key}=${quoted(value)}`;
}

/** What is cut short by the end of the value is left out. */
function lengthPrefixed(value: Uint8Array): string[] {
  const texts: string[] = [];
  for (let at = 0; at < value.length; at += 1 + value[at]!) {
    const end = at + 1 + value[at]!;
    if (end <= value.length) texts.push(String.fromCharCode(...value.subarray(at + 1, end)));
  }
  return texts;
}

function ipv4List(value: Uint8Array): string {
  const addresses: string[] = [];
  for (let at = 0; at < value.length; at += 4) addresses.push(value.subarray(at, at + 4).join('.'));
  return addresses.join(',');
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
