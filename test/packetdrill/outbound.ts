// Whether what left is what the script says must leave.
import type { Flow } from './flow.ts';
import type { LivePacket, LiveSegment } from './live-packet.ts';
import { patternByte } from './packet-bytes.ts';
import { type PrintedSegment, printOption, printSegment } from './print.ts';
import type { IpNotes, TcpBody, TcpOption } from './script.ts';
import type { Settings } from './settings.ts';

const ECN_NAMES = ['noecn', 'ect1', 'ect0', 'ce'];
/** `<...>` and a bare script say nothing of padding; which bytes fill the word up is no RFC's business. */
const PADDING = new Set(['nop', 'eol']);

/** A live segment, or several that follow each other, in the script's numbers. */
export interface Candidate extends PrintedSegment {
  readonly payload: Uint8Array;
  /** Where in the stream the payload belongs. */
  readonly offset: number;
  readonly options: TcpOption[];
}

export function candidateOf(segments: LiveSegment[], flow: Flow): Candidate {
  const first = segments[0]!;
  const last = segments.at(-1)!;
  const isSyn = last.flags.includes('S');
  const payload = Uint8Array.from(segments.flatMap((segment) => [...segment.payload]));
  return {
    flags: last.flags,
    sequence: flow.localToScript(first.sequence, isSyn),
    length: payload.length,
    acknowledgment: last.flags.includes('.') ? flow.remoteToScript(last.acknowledgment, isSyn) : undefined,
    window: last.window,
    urgent: last.urgent,
    options: flow.optionsToScript(last.options),
    payload,
    offset: flow.localOffset(first),
  };
}

/** What is wrong with it, or undefined. */
export function compareSegment(script: TcpBody, live: Candidate, settings: Settings): string | undefined {
  if (relevantFlags(script.flags, settings) !== relevantFlags(live.flags, settings)) return 'flags';
  if (((script.sequence - live.sequence) | 0) !== 0) return 'the sequence number';
  if (script.length !== live.length) return 'the length';
  const acknowledgment = script.flags.includes('.') ? (script.acknowledgment ?? 0) : undefined;
  if (acknowledgment !== undefined && ((acknowledgment - live.acknowledgment!) | 0) !== 0)
    return 'the acknowledgment number';
  if (script.window !== undefined && script.window !== live.window) return 'the window';
  if (script.urgent !== live.urgent) return 'the urgent pointer';
  if (script.options !== 'any') {
    const fault = compareOptions(script.options, live.options, settings);
    if (fault !== undefined) return fault;
  }
  return comparePayload(live);
}

/** Where merged segments stand for one, PSH depends on where their cuts were. */
function relevantFlags(flags: string, { strictSegments }: Settings): string {
  return strictSegments ? flags : flags.replace('P', '');
}

function compareOptions(script: TcpOption[], live: TcpOption[], settings: Settings): string | undefined {
  const wanted = script.filter(({ kind }) => !PADDING.has(kind));
  const given = live.filter(({ kind }) => !PADDING.has(kind));
  if (wanted.length !== given.length) return 'the options';
  for (const [i, option] of wanted.entries()) {
    const other = given[i]!;
    if (option.kind === 'TS' && other.kind === 'TS') {
      if (((option.echo - other.echo) | 0) !== 0) return 'the echoed timestamp';
      const ticks = Math.abs((option.value - other.value) | 0);
      if (settings.timestampTick > 0 && ticks * settings.timestampTick > settings.tolerance)
        return 'the timestamp';
    } else if (printOption(option) !== printOption(other)) {
      return `option ${option.kind}`;
    }
  }
  return undefined;
}

function comparePayload({ payload, offset }: Candidate): string | undefined {
  for (let i = 0; i < payload.length; i++)
    if (payload[i] !== patternByte(offset + i)) return `byte ${offset + i} of the stream`;
  return undefined;
}

/** What is wrong with the IP header, or undefined. */
export function compareIp(script: IpNotes, { tos, ttl }: LivePacket): string | undefined {
  const ecn = ECN_NAMES[tos & 3]!;
  if (script.ecn === 'ect01' && !ecn.startsWith('ect')) return `ECN field: it is ${ecn}`;
  if (script.ecn !== undefined && script.ecn !== 'ect01' && script.ecn !== ecn)
    return `ECN field: it is ${ecn}`;
  if (script.tos !== undefined && script.tos !== tos) return `TOS: it is 0x${tos.toString(16)}`;
  if (script.ttl !== undefined && script.ttl !== ttl) return `TTL: it is ${ttl}`;
  return undefined;
}

export function printLive(live: LivePacket, flow: Flow | undefined): string {
  const { body } = live;
  if (body.protocol === 'udp') return `udp (${body.length})`;
  if (body.protocol === 'icmp') return `icmp type ${body.type} code ${body.code}`;
  return flow ? printSegment(candidateOf([body], flow)) : `a segment with flags ${body.flags}`;
}
