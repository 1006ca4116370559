// What the script's peer sends, as bytes.
import type { Flow } from './flow.ts';
import {
  type Ends,
  FLAG_BITS,
  icmpMessage,
  ipPacket,
  pattern,
  TCP,
  tcpSegment,
  UDP,
  udpDatagram,
} from './packet-bytes.ts';
import {
  type IcmpBody,
  type IpNotes,
  type ScriptPacket,
  Skip,
  type TcpBody,
  type TcpOption,
} from './script.ts';

const DEFAULT_TTL = 64;
const DEFAULT_WINDOW = 65_535;
const ECN_BITS = { noecn: 0, ect1: 1, ect0: 2, ce: 3, ect01: 2 };

/** Types and codes by the names scripts use. */
const ICMP_TYPES: Record<4 | 6, Record<string, number>> = {
  4: { unreachable: 3, source_quench: 4, time_exceeded: 11, parameter_problem: 12 },
  6: { unreachable: 1, packet_too_big: 2, time_exceeded: 3, parameter_problem: 4 },
};
const ICMP_CODES: Record<4 | 6, Record<string, number>> = {
  4: {
    net_unreachable: 0,
    host_unreachable: 1,
    protocol_unreachable: 2,
    port_unreachable: 3,
    frag_needed: 4,
    source_route_failed: 5,
    net_unknown: 6,
    host_unknown: 7,
    source_host_isolated: 8,
    net_prohibited: 9,
    host_prohibited: 10,
    net_unreachable_for_tos: 11,
    host_unreachable_for_tos: 12,
    packet_filtered: 13,
    precedence_violation: 14,
    precedence_cutoff: 15,
  },
  6: {
    net_unreachable: 0,
    no_route: 0,
    admin_prohibited: 1,
    not_neighbour: 2,
    address_unreachable: 3,
    port_unreachable: 4,
    exceeded_hop_limit: 0,
    exceeded_frag_time: 1,
    header_field: 0,
    unknown_next_header: 1,
    unknown_option: 2,
  },
};

/** The bytes of a packet from `ends.source`, the peer. */
export function inboundPacket({ ip, body }: ScriptPacket, flow: Flow, ends: Ends): Uint8Array {
  const tos = ip.tos ?? ECN_BITS[ip.ecn ?? 'noecn'];
  const ttl = ip.ttl ?? DEFAULT_TTL;
  switch (body.protocol) {
    case 'tcp':
      return ipPacket(ends, TCP, tos, ttl, segmentBytes(body, flow, ends));
    case 'udp': {
      const datagram = udpDatagram(ends, flow.remotePort, flow.localPort, body.length);
      if (body.checksum === 'none') datagram.set([0, 0], 6);
      if (body.checksum === 'wrong') datagram[7]! ^= 1;
      return ipPacket(ends, UDP, tos, ttl, datagram.subarray(0, datagram.length - body.cut));
    }
    case 'icmp':
      return icmpPacket(body, ip, flow, ends);
  }
}

function segmentBytes(body: TcpBody, flow: Flow, ends: Ends): Uint8Array {
  flow.arrives(body);
  const isSyn = body.flags.includes('S');
  if (body.options === 'any') throw new Skip('<...> of a packet that is to be sent');
  let flags = 0;
  for (const letter of body.flags) flags |= FLAG_BITS[letter]!;
  return tcpSegment(ends, {
    sourcePort: flow.remotePort,
    destinationPort: flow.localPort,
    sequence: flow.remoteToLive(body.sequence, isSyn),
    acknowledgment: body.flags.includes('.') ? flow.localToLive(body.acknowledgment ?? 0, isSyn) : 0,
    flags,
    window: body.window ?? DEFAULT_WINDOW,
    urgent: body.urgent,
    options: optionBytes(body.options, flow),
    payload: pattern(flow.remoteOffset(body), body.length),
  });
}

function optionBytes(options: TcpOption[], flow: Flow): Uint8Array {
  const bytes: number[] = [];
  const word = (value: number) =>
    bytes.push((value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
  for (const option of options) {
    switch (option.kind) {
      case 'eol':
        bytes.push(0);
        break;
      case 'nop':
        bytes.push(1);
        break;
      case 'mss':
        bytes.push(2, 4, option.value >> 8, option.value & 255);
        break;
      case 'wscale':
        bytes.push(3, 3, option.value);
        break;
      case 'sackOK':
        bytes.push(4, 2);
        break;
      case 'sack':
        bytes.push(5, 2 + 8 * option.blocks.length);
        for (const { start, end } of option.blocks) {
          word(flow.localToLive(start));
          word(flow.localToLive(end));
        }
        break;
      case 'TS':
        bytes.push(8, 10);
        word(option.value);
        word(flow.echoToLive(option.echo));
        break;
      case 'FO':
        bytes.push(34, 2 + option.bytes.length, ...option.bytes);
        break;
      case 'FOEXP':
        bytes.push(254, 4 + option.bytes.length, 0xf9, 0x89, ...option.bytes);
        break;
      case 'md5':
        throw new Skip('the MD5 option');
    }
  }
  while (bytes.length % 4 !== 0) bytes.push(0);
  return Uint8Array.from(bytes);
}

/** The type and the code that a script means. */
export function icmpNumbers(body: IcmpBody, version: 4 | 6): { type: number; code: number } {
  const type = ICMP_TYPES[version][body.type];
  const code = body.code === undefined ? 0 : ICMP_CODES[version][body.code];
  if (type === undefined || code === undefined) throw new Skip(`ICMP ${body.type} ${body.code ?? ''}`);
  return { type, code };
}

/** From the peer, about a packet of ours, of which it quotes the IP header and 8 bytes (RFC 792) or more. */
function icmpPacket(body: IcmpBody, ip: IpNotes, flow: Flow, ends: Ends): Uint8Array {
  const { version } = ends.source;
  const { type, code } = icmpNumbers(body, version);
  const ours: Ends = { source: ends.destination, destination: ends.source };
  const quote = ipPacket(
    ours,
    body.quoted.protocol === 'tcp' ? TCP : UDP,
    0,
    DEFAULT_TTL,
    quoted(body, flow, ours),
  );
  // The router saw the whole packet and quotes its start.
  const head = quote.subarray(0, version === 4 ? 28 : 1232);
  const message = icmpMessage(ends, type, code, body.mtu ?? 0, head);
  return ipPacket(ends, version === 4 ? 1 : 58, ip.tos ?? 0, ip.ttl ?? DEFAULT_TTL, message);
}

function quoted({ quoted: what }: IcmpBody, flow: Flow, ends: Ends): Uint8Array {
  if (what.protocol === 'udp') return udpDatagram(ends, flow.localPort, flow.remotePort, what.length);
  return tcpSegment(ends, {
    sourcePort: flow.localPort,
    destinationPort: flow.remotePort,
    sequence: flow.localToLive(what.sequence),
    acknowledgment: 0,
    flags: FLAG_BITS['.']!,
    window: 0,
    urgent: 0,
    options: new Uint8Array(0),
    payload: new Uint8Array(what.length),
  });
}
