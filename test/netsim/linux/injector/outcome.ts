// What came of a case, in words that are equal when two hosts did the same.
import type { Family } from '../../../core/netstack/hostile/family.ts';
import type { TcpPeer } from '../../../core/netstack/hostile/tcp-peer.ts';
import type { Seen } from './subject.ts';

const OPTION_NAMES: Record<number, string> = { 2: 'mss', 3: 'wscale', 4: 'sackOK', 5: 'sack', 8: 'TS' };

/** The answers, text that follows on from other text as one. Sequence numbers are the conversation's, where there is one. */
export function describeAnswers(packets: Uint8Array[], family: Family, peer: TcpPeer | undefined): string[] {
  const words: string[] = [];
  let [next, largest] = [0, 0];
  for (const packet of packets) {
    const text = peer && textOf(packet, family, peer);
    if (!text) {
      words.push(describeAnswer(packet, family, peer));
      largest = 0;
      continue;
    }
    const { start, length } = text;
    const goesOn = largest > 0 && start === next;
    const begin = goesOn ? Number(/^text (-?\d+)/.exec(words.pop()!)![1]) : start;
    largest = goesOn ? Math.max(largest, length) : length;
    next = start + length;
    words.push(`text ${begin} to ${next}, ${largest} at most`);
  }
  return words;
}

/** Where the text of a segment is. */
function textOf(
  packet: Uint8Array,
  { header, name }: Family,
  peer: TcpPeer,
): { start: number; length: number } | undefined {
  if (packet[name === 'IPv4' ? 9 : 6] !== 6) return undefined;
  const view = new DataView(packet.buffer);
  const length = packet.length - header - (packet[header + 12]! >> 4) * 4;
  return length > 0 ? { start: (view.getInt32(header + 4) - peer.iss - 1) | 0, length } : undefined;
}

/** One answer. */
function describeAnswer(packet: Uint8Array, family: Family, peer: TcpPeer | undefined): string {
  const protocol = packet[family.header === 20 ? 9 : 6]!;
  const at = family.header === 20 ? (packet[0]! & 15) * 4 : family.header;
  if (protocol === 6) return describeSegment(packet, at, peer);
  if (protocol !== family.icmp) return `protocol ${protocol}`;
  const type = packet[at]!;
  if (type === family.echoReply)
    return `echo reply of ${packet.length - at - 8}${at > family.header ? ' with options' : ''}`;
  const rest = new DataView(packet.buffer).getUint32(at + 4);
  return `ICMP ${type}/${packet[at + 1]}${rest === 0 ? '' : ` ${rest}`}`;
}

function describeSegment(packet: Uint8Array, at: number, peer: TcpPeer | undefined): string {
  const view = new DataView(packet.buffer);
  const bits = packet[at + 13]!;
  const header = (packet[at + 12]! >> 4) * 4;
  const flags = [...'FSRPAUEW'].filter((_, i) => bits & (1 << i)).join('');
  const options = optionsOf(packet.subarray(at + 20, at + header), peer);
  const isSyn = flags.includes('S');
  const isReset = flags.includes('R');
  const sequence = peer ? (view.getInt32(at + 4) - peer.iss - 1) | 0 : view.getUint32(at + 4);
  const acknowledgment = peer ? (view.getInt32(at + 8) - peer.isn - 1) | 0 : view.getUint32(at + 8);
  return [
    flags.replace('P', ''),
    ...(isSyn && !peer ? [] : [`seq ${isReset && view.getUint32(at + 4) === 0 ? 'zero' : sequence}`]),
    ...(flags.includes('A') ? [`ack ${acknowledgment}`] : []),
    ...(options === '' ? [] : [`<${options}>`]),
  ].join(' ');
}

/** In which order they stand, and how they are padded, is everybody's own choice. */
function optionsOf(bytes: Uint8Array, peer: TcpPeer | undefined): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const names: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const kind = bytes[at]!;
    if (kind === 0) break;
    if (kind === 1) {
      at++;
      continue;
    }
    let name = OPTION_NAMES[kind] ?? `option ${kind}`;
    if (kind === 2) name += ` ${view.getUint16(at + 2)}`;
    if (kind === 5 && peer)
      for (let i = at + 2; i < at + bytes[at + 1]!; i += 4)
        name += ` ${(view.getInt32(i) - peer.isn - 1) | 0}`;
    if (kind === 8) name += ` ecr ${view.getUint32(at + 6)}`;
    names.push(name);
    at += bytes[at + 1]!;
  }
  return names.sort().join(', ');
}

/** `nothing`, or the answers and what the application has seen of it. */
export function describeOutcome(answers: string[], seen: Seen | undefined, messages: number[]): string {
  const words = [
    ...answers,
    ...(seen && seen.bytes > 0 ? [`read ${seen.bytes}`] : []),
    ...(seen?.ended ? ['ended'] : []),
    ...(seen?.failed ? ['failed'] : []),
    ...messages.map((length) => `message of ${length}`),
  ];
  return words.join('; ') || 'nothing';
}
