// An event that wants a packet to leave.
import { type EventClock, seconds } from './event-clock.ts';
import type { Flow } from './flow.ts';
import type { LivePacket, LiveSegment } from './live-packet.ts';
import type { Machine } from './machine.ts';
import { candidateOf, compareIp, compareSegment, printLive } from './outbound.ts';
import { printSegment } from './print.ts';
import { type ScriptEvent, ScriptFailure, type ScriptPacket, Skip, type TcpBody } from './script.ts';

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
      if (body.length !== first.body.length) this.#fail(printLive(first, undefined));
    } else if (body.protocol === 'icmp') throw new Skip('ICMP messages that we send');
    else this.#fail(printLive(first, this.#flowOf(first)));
    const fault = compareIp(this.#packet!.ip, first);
    if (fault !== undefined) this.#fail(fault);
  }

  describe(live: LivePacket): string {
    return `${printLive(live, this.#flowOf(live))} at ${seconds(this.#clock.toScript(live.at))}`;
  }

  /** Segments that follow each other are one, until it is as long as the script's. */
  #compareTcp(script: TcpBody, first: LivePacket, segment: LiveSegment): void {
    const flow = this.#flowOf(first)!;
    this.#machine.flows.check(flow, this.#packet!.ports, this.#event.line);
    const segments = [segment];
    let length = segment.payload.length;
    flow.matched(script, segment);
    while (!this.#machine.settings.strictSegments && length < script.length && follows(segments)) {
      const next = this.#take();
      if (next.body.protocol !== 'tcp' || this.#flowOf(next) !== flow) this.#fail(printLive(next, flow));
      segments.push(next.body as LiveSegment);
      length += segments.at(-1)!.payload.length;
    }
    const candidate = candidateOf(segments, flow);
    const fault = compareSegment(script, candidate, this.#machine.settings);
    if (fault !== undefined) this.#fail(`${printSegment(candidate)} (${fault})`);
  }

  /** The next packet that leaves, in time. */
  #take(): LivePacket {
    const { host } = this.#machine;
    if (host.sent.length === 0) this.#clock.advanceTo(this.#clock.patience, () => host.sent.length > 0);
    const live = host.sent.shift() ?? this.#fail('nothing');
    if (!this.#clock.isInTime(live.at))
      this.#fail(`${printLive(live, this.#flowOf(live))} at ${seconds(this.#clock.toScript(live.at))}`);
    return live;
  }

  #flowOf({ body }: LivePacket): Flow | undefined {
    if (body.protocol !== 'tcp') return undefined;
    return this.#machine.flows.forLive(body.sourcePort, body.destinationPort);
  }

  #fail(got: string): never {
    const { line, text } = this.#event;
    const notation = text.slice(text.indexOf('>'));
    throw new ScriptFailure(line, `${notation} ${this.#clock.describeTime()}`, got);
  }
}

/** Whether the last of them leaves off in the middle of something. */
function follows(segments: LiveSegment[]): boolean {
  const last = segments.at(-1)!;
  if (last.flags.includes('F') || last.flags.includes('R')) return false;
  const before = segments.at(-2);
  return !before || ((before.sequence + before.payload.length - last.sequence) | 0) === 0;
}
