// `< [ect0] S. 0:0(0) ack 1 win 32792 <mss 1460,sackOK>`, `icmp …` and `udp (n)`, after their direction.
import {
  type IcmpBody,
  type IpNotes,
  type ScriptPacket,
  Skip,
  type TcpBody,
  type TcpOption,
} from './script.ts';
import type { TokenStream } from './token-stream.ts';

const FLAGS = 'FSRP.UEW';
const ECN_NAMES = ['noecn', 'ect0', 'ect1', 'ce', 'ect01'] as const;

export function parsePacket(tokens: TokenStream): ScriptPacket {
  for (const outer of ['ipv4', 'ipv6', 'gre', 'GREv0', 'mpls'])
    if (tokens.isWord(outer)) throw new Skip(`a packet within ${outer}`);
  const ip = parseIpNotes(tokens);
  if (tokens.isWord('encap')) throw new Skip('a packet within UDP (encap)');
  if (tokens.takeIfWord('icmp')) return { ip, ports: undefined, body: parseIcmp(tokens) };
  if (tokens.takeIfWord('udp')) {
    const ports = parsePorts(tokens);
    tokens.expectMark('(');
    const length = tokens.expectInteger('a length');
    tokens.expectMark(')');
    return { ip, ports, body: { protocol: 'udp', length, ...parseFaults(tokens) } };
  }
  return { ip, ports: parsePorts(tokens), body: parseTcp(tokens) };
}

/** `nosum`, `badsum`, `cut 4`: not packetdrill's. */
function parseFaults(tokens: TokenStream): { checksum: 'none' | 'wrong' | undefined; cut: number } {
  const checksum = tokens.takeIfWord('nosum') ? 'none' : tokens.takeIfWord('badsum') ? 'wrong' : undefined;
  return { checksum, cut: tokens.takeIfWord('cut') ? tokens.expectInteger('a length') : 0 };
}

function parseIpNotes(tokens: TokenStream): IpNotes {
  const notes = {
    ecn: undefined as IpNotes['ecn'],
    tos: undefined as number | undefined,
    ttl: undefined as number | undefined,
  };
  const closing = tokens.takeIfMark('[') ? ']' : tokens.takeIfMark('(') ? ')' : undefined;
  if (closing === undefined) return notes;
  do {
    const { text: name } = tokens.expect('word', 'ect0, ect1, noecn, ce, tos or ttl');
    const ecn = ECN_NAMES.find((known) => known === name);
    if (ecn) notes.ecn = ecn;
    else if (name === 'tos') notes.tos = tokens.expectInteger('a number');
    else if (name === 'ttl') notes.ttl = tokens.expectInteger('a number');
    else throw new Skip(`"${name}" of an IP header`);
  } while (tokens.takeIfMark(','));
  tokens.expectMark(closing);
  return notes;
}

function parsePorts(tokens: TokenStream): ScriptPacket['ports'] {
  if (tokens.next.kind !== 'integer' || !tokens.isMark('>', 1)) return undefined;
  const source = tokens.expectInteger('a port');
  tokens.expectMark('>');
  return { source, destination: tokens.expectInteger('a port') };
}

function parseTcp(tokens: TokenStream): TcpBody {
  const flags = parseFlags(tokens);
  const { sequence, length } = parseRange(tokens);
  const acknowledgment = tokens.takeIfWord('ack') ? tokens.expectInteger('a sequence number') : undefined;
  const window = tokens.takeIfWord('win') ? tokens.expectInteger('a window') : undefined;
  const urgent = tokens.takeIfWord('urg') ? tokens.expectInteger('an urgent pointer') : 0;
  const options = tokens.takeIfMark('<') ? parseOptions(tokens) : [];
  return { protocol: 'tcp', flags, sequence, length, acknowledgment, window, urgent, options };
}

/** Any order; a `-` alone is no flag at all. */
function parseFlags(tokens: TokenStream): string {
  if (tokens.takeIfMark('-')) return '';
  let letters = '';
  if (tokens.next.kind === 'word') letters = tokens.take().text;
  if (tokens.next.kind === 'float') throw new Skip('AccECN (an ACE field)');
  if (tokens.takeIfMark('.')) letters += '.';
  if (letters.includes('A')) throw new Skip('AccECN (the AE flag)');
  if (letters === '' || [...letters].some((letter) => !FLAGS.includes(letter))) tokens.fail('TCP flags');
  return [...FLAGS].filter((flag) => letters.includes(flag)).join('');
}

/** `1:1001(1000)`. */
function parseRange(tokens: TokenStream): { sequence: number; length: number } {
  const sequence = tokens.expectInteger('a sequence number');
  tokens.expectMark(':');
  const end = tokens.expectInteger('a sequence number');
  tokens.expectMark('(');
  const length = tokens.expectInteger('a length');
  if (((end - sequence - length) | 0) !== 0) tokens.fail(`a length of ${(end - sequence) >>> 0}`);
  tokens.expectMark(')');
  return { sequence, length };
}

function parseOptions(tokens: TokenStream): TcpOption[] | 'any' {
  if (tokens.next.kind === 'ellipsis') {
    tokens.take();
    tokens.expectMark('>');
    return 'any';
  }
  const options: TcpOption[] = [];
  do options.push(parseOption(tokens));
  while (tokens.takeIfMark(','));
  tokens.expectMark('>');
  return options;
}

function parseOption(tokens: TokenStream): TcpOption {
  const { text: name } = tokens.expect('word', 'a TCP option');
  switch (name) {
    case 'nop':
    case 'eol':
    case 'sackOK':
      return { kind: name };
    case 'mss':
    case 'wscale':
      return { kind: name, value: tokens.expectInteger('a number') };
    case 'TS': {
      tokens.expectWord('val');
      const value = tokens.expectInteger('a timestamp');
      tokens.expectWord('ecr');
      return { kind: 'TS', value, echo: tokens.expectInteger('a timestamp') };
    }
    case 'sack': {
      const blocks = [];
      while (tokens.next.kind === 'integer') {
        const start = tokens.expectInteger('a sequence number');
        tokens.expectMark(':');
        blocks.push({ start, end: tokens.expectInteger('a sequence number') });
      }
      return { kind: 'sack', blocks };
    }
    case 'FO':
    case 'FOEXP':
    case 'md5':
      return { kind: name, bytes: parseBytes(tokens) };
    case 'ECN':
      throw new Skip('the AccECN option');
    default:
      return tokens.fail('a TCP option');
  }
}

function parseBytes(tokens: TokenStream): number[] {
  const { kind } = tokens.next;
  if (kind !== 'word' && kind !== 'integer') return [];
  const { text } = tokens.take();
  return (text.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16));
}

function parseIcmp(tokens: TokenStream): IcmpBody {
  const { text: type } = tokens.expect('word', 'an ICMP type');
  const isCode = tokens.next.kind === 'word' && !tokens.isWord('mtu') && !tokens.isWord('id');
  const code = isCode ? tokens.take().text : undefined;
  const mtu = tokens.takeIfWord('mtu') ? tokens.expectInteger('an MTU') : undefined;
  if (tokens.takeIfWord('id')) tokens.expectInteger('an identifier');
  return { protocol: 'icmp', type, code, mtu, quoted: parseQuoted(tokens) };
}

function parseQuoted(tokens: TokenStream): IcmpBody['quoted'] {
  if (!tokens.takeIfMark('[')) return { protocol: 'tcp', sequence: 0, length: 0 };
  let quoted: IcmpBody['quoted'];
  if (tokens.isWord('raw')) throw new Skip('an ICMP message that quotes raw bytes');
  if (tokens.takeIfWord('udp')) {
    tokens.expectMark('(');
    quoted = { protocol: 'udp', length: tokens.expectInteger('a length') };
    tokens.expectMark(')');
  } else {
    quoted = { protocol: 'tcp', ...parseRange(tokens) };
  }
  tokens.expectMark(']');
  return quoted;
}
