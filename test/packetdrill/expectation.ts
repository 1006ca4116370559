// An event that wants a packet to leave.
import { type EventClock, seconds } from './event-clock.ts';
import type { Flow } from './flow.ts';
import { icmpNumbers } from './inbound.ts';
import type { LiveIcmp, LivePacket, LiveSegment } from './live-packet.ts';
import type { Machine } from './machine.ts';
import { candidateOf, compareIp, compareSegment, printLive } from './outbound.ts';
import { pattern } from './packet-bytes.ts';
import { printSegment } from './print.ts';
import { type IcmpBody, type ScriptEvent, ScriptFailure, type ScriptPacket, type TcpBody } from './script.ts';

export class Expectation {
  readonly #machine: Machine;
  readonly #clock: EventClock;
  readonly #event: ScriptEvent;
  readonly #packet: ScriptPacket | undefined;

  constructor(machine: Machine, clock: EventClock, event: ScriptEvent, packet: ScriptPacket | undefined) {
    this.#machine = machine;
    this.#clock = clock;
    this.#event = event;
    this.#packet = packet;
  }

  /** Waits for the packet as long as it may take, and takes it. */
  await(): void {
    const { body } = this.#packet!;
    const first = this.#take();
    if (body.protocol === 'tcp' && first.body.protocol === 'tcp') this.#compareTcp(body, first, first.body);
    else if (body.protocol === 'udp' && first.body.protocol === 'udp') {
      this.#machine.flows.check(this.#flowOf(first)!, this.#packet!.ports, this.#event.line);
      if (body.length !== first.body.length) this.#fail(printLive(first, undefined));
      if (Buffer.compare(first.body.payload, pattern(0, body.length)) !== 0)
        this.#fail(`${printLive(first, undefined)} with other bytes`);
    } else if (body.protocol === 'icmp' && first.body.protocol === 'icmp') {
      this.#compareIcmp(body, first, first.body);
    } else this.#fail(printLive(first, this.#flowOf(first)));
    const fault = compareIp(this.#packet!.ip, first);
    if (fault !== undefined) this.#fail(fault);
  }

  describe(live: LivePacket): string {
    return `${printLive(live, this.#flowOf(live))} at ${seconds(this.#clock.toScript(live.at))}`;
  }

  /** Type, code, and of what is quoted, if that is UDP, the length. */
  #compareIcmp(script: IcmpBody, live: LivePacket, { type, code, quotedLength }: LiveIcmp): void {
    const wanted = icmpNumbers(script, live.source.version);
    const isRight = wanted.type === type && wanted.code === code;
    if (!isRight) this.#fail(printLive(live, undefined));
    if (script.quoted.protocol === 'udp' && script.quoted.length !== quotedLength)
      this.#fail(`${printLive(live, undefined)} [udp (${quotedLength})]`);
  }

  /** Segments that follow each other are one, until it is as long as the script's. */
  #compareTcp(script: TcpBody, first: LivePacket, segment: LiveSegment): void {
    const flow = this.#flowOf(first)!;
    this.#machine.flows.check(flow, this.#packet!.ports, this.#event.line);
    flow.matched(script, segment);
    const segments = [segment];
    if (!this.#machine.settings.strictSegments) this.#takeMore(script.length, flow, segments);
    const candidate = candidateOf(segments, flow);
    const fault = compareSegment(script, candidate, this.#machine.settings);
    if (fault !== undefined) this.#fail(`${printSegment(candidate)} (${fault})`);
  }

  /** Takes what follows on from the last of them, until they have `length` bytes or no more come in time. */
  #takeMore(length: number, flow: Flow, segments: LiveSegment[]): void {
    let missing = length - segments[0]!.payload.length;
    while (missing > 0) {
      const [next] = this.#waitForOne();
      if (!next || !this.#clock.isInTime(next.at) || this.#flowOf(next) !== flow) return;
      const { body } = next;
      if (body.protocol !== 'tcp' || !follows(body, segments.at(-1)!)) return;
      this.#machine.host.sent.shift();
      segments.push(body);
      missing -= body.payload.length;
    }
  }

  #waitForOne(): LivePacket[] {
    const { sent } = this.#machine.host;
    if (sent.length === 0) this.#clock.advanceTo(this.#clock.patience, () => sent.length > 0);
    return sent;
  }

  /** The next packet that leaves, in time. */
  #take(): LivePacket {
    const live = this.#waitForOne().shift() ?? this.#fail('nothing');
    if (!this.#clock.isInTime(live.at))
      this.#fail(`${printLive(live, this.#flowOf(live))} at ${seconds(this.#clock.toScript(live.at))}`);
    return live;
  }

  #flowOf({ body }: LivePacket): Flow | undefined {
    if (body.protocol === 'icmp') return undefined;
    return this.#machine.flows.forLive(body.sourcePort, body.destinationPort);
  }

  #fail(got: string): never {
    const { line, text } = this.#event;
    const notation = text.slice(text.indexOf('>'));
    throw new ScriptFailure(line, `${notation} ${this.#clock.describeTime()}`, got);
  }
}

/** Whether a segment has the text after another's. */
function follows(segment: LiveSegment, previous: LiveSegment): boolean {
  if (/[FR]/.test(previous.flags) || segment.payload.length === 0) return false;
  return ((previous.sequence + previous.payload.length - segment.sequence) | 0) === 0;
}
