/** What a packet says, in one line, as tcpdump would. Pure; hostile bytes make short lines, never errors. */
import { hostAndPort } from '../../src/core/host-port.ts';
import { portsText, tcpText } from './tcp-text.ts';

export interface Dissection {
  protocol: string;
  source: string;
  destination: string;
  info: string;
}

const ICMP = 1;
const TCP = 6;
const UDP = 17;
const FRAGMENT_HEADER = 44;
const ICMPV6 = 58;
const NO_NEXT_HEADER = 59;
/** RFC 8200 §4: headers that only lead to the next one. */
const EXTENSIONS = new Set([0, 43, 60]);
const MAX_EXTENSIONS = 8;

const ICMP_NAMES: Record<number, string> = {
  0: 'echo reply',
  3: 'destination unreachable',
  5: 'redirect',
  8: 'echo request',
  11: 'time exceeded',
  12: 'parameter problem',
};
const ICMPV6_NAMES: Record<number, string> = {
  1: 'destination unreachable',
  2: 'packet too big',
  3: 'time exceeded',
  4: 'parameter problem',
  128: 'echo request',
  129: 'echo reply',
  133: 'router solicitation',
  134: 'router advertisement',
  135: 'neighbor solicitation',
  136: 'neighbor advertisement',
};

/** Where the upper layer begins, and which it is. */
interface Upper {
  protocol: number;
  at: number;
  /** A later fragment: what follows is the middle of something. */
  isLater: boolean;
  source: string;
  destination: string;
}

/** `length`: of the whole packet, of which `data` may be the beginning only. */
export function dissect(data: Uint8Array, length: number): Dissection {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const version = data.length > 0 ? data[0]! >> 4 : 0;
  const upper =
    version === 4 && data.length >= 20
      ? ipv4Of(data, view)
      : version === 6 && data.length >= 40
        ? ipv6Of(data, view)
        : undefined;
  if (!upper) return { protocol: '?', source: '', destination: '', info: `${length} bytes that are no IP` };
  const { source, destination } = upper;
  const { protocol, info } = describe(upper, view, length);
  const [from, to] = portsText(upper.protocol, upper.isLater, view, upper.at);
  return { protocol, source: join(source, from), destination: join(destination, to), info };
}

function describe(
  { protocol, at, isLater }: Upper,
  view: DataView,
  length: number,
): Pick<Dissection, 'protocol' | 'info'> {
  const payload = Math.max(0, length - at);
  const name = NAMES[protocol] ?? `IP ${protocol}`;
  if (isLater) return { protocol: name, info: `later fragment, ${payload} bytes` };
  switch (protocol) {
    case TCP:
      return { protocol: name, info: tcpText(view, at, payload) };
    case UDP:
      return { protocol: name, info: `${Math.max(0, payload - 8)} bytes${dnsNote(view, at)}` };
    case ICMP:
      return { protocol: name, info: icmpText(view, at, ICMP_NAMES, [0, 8]) };
    case ICMPV6:
      return { protocol: name, info: icmpText(view, at, ICMPV6_NAMES, [128, 129]) };
    case NO_NEXT_HEADER:
      return { protocol: name, info: 'nothing' };
    default:
      return { protocol: name, info: `${payload} bytes` };
  }
}

const NAMES: Record<number, string> = { [TCP]: 'TCP', [UDP]: 'UDP', [ICMP]: 'ICMP', [ICMPV6]: 'ICMPv6' };

function ipv4Of(data: Uint8Array, view: DataView): Upper {
  return {
    protocol: data[9]!,
    at: Math.max(20, (data[0]! & 15) * 4),
    isLater: (view.getUint16(6) & 0x1fff) > 0,
    source: data.subarray(12, 16).join('.'),
    destination: data.subarray(16, 20).join('.'),
  };
}

function ipv6Of(data: Uint8Array, view: DataView): Upper {
  let protocol = data[6]!;
  let at = 40;
  let isLater = false;
  for (let i = 0; i < MAX_EXTENSIONS && at + 8 <= data.length && !isLater; i++) {
    if (protocol === FRAGMENT_HEADER) {
      isLater = (view.getUint16(at + 2) & 0xfff8) > 0;
      protocol = data[at]!;
      at += 8;
    } else if (EXTENSIONS.has(protocol)) {
      protocol = data[at]!;
      at += (data[at + 1]! + 1) * 8;
    } else break;
  }
  return { protocol, at, isLater, source: ipv6Text(view, 8), destination: ipv6Text(view, 24) };
}

/** RFC 5952: the longest run of zeroes, of two at least, is `::`. */
function ipv6Text(view: DataView, at: number): string {
  const words = Array.from({ length: 8 }, (_, index) => view.getUint16(at + 2 * index).toString(16));
  const zeroes = words.join(':').match(/\b0(:0)+\b/g);
  if (!zeroes) return words.join(':');
  const longest = zeroes.reduce((best, run) => (run.length > best.length ? run : best));
  return words.join(':').replace(new RegExp(`(^|:)${longest}(:|$)`), '::');
}

function icmpText(view: DataView, at: number, names: Record<number, string>, echo: number[]): string {
  if (view.byteLength < at + 8) return 'cut short';
  const type = view.getUint8(at);
  const name = names[type] ?? `type ${type}`;
  if (echo.includes(type)) return `${name}, id ${view.getUint16(at + 4)}, seq ${view.getUint16(at + 6)}`;
  const code = view.getUint8(at + 1);
  return code === 0 ? name : `${name}, code ${code}`;
}

/** The first question of a DNS message, or that it is an answer. */
function dnsNote(view: DataView, at: number): string {
  if (view.byteLength < at + 20) return '';
  if (view.getUint16(at) !== 53 && view.getUint16(at + 2) !== 53) return '';
  const isAnswer = view.getUint8(at + 10) >= 128;
  const labels: string[] = [];
  let next = at + 20;
  while (next < view.byteLength && labels.length < 20) {
    const length = view.getUint8(next);
    if (length === 0 || length > 63 || next + 1 + length > view.byteLength) break;
    labels.push(labelText(view, next + 1, length));
    next += 1 + length;
  }
  return `, DNS ${isAnswer ? 'answer' : 'question'} ${labels.join('.') || '.'}`;
}

function labelText(view: DataView, at: number, length: number): string {
  let text = '';
  for (let i = 0; i < length; i++) {
    const code = view.getUint8(at + i);
    text += code > 32 && code < 127 ? String.fromCharCode(code) : '?';
  }
  return text;
}

function join(address: string, port: number | undefined): string {
  return port === undefined ? address : hostAndPort(address, port);
}
