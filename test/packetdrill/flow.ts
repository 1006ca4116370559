// One connection as the script numbers it, and as it really is: ports, sequence numbers, timestamps.

import type { LiveSegment } from './live-packet.ts';
import { ScriptFailure, type TcpBody, type TcpOption } from './script.ts';

export class Flow {
  readonly localPort: number;
  readonly remotePort: number;
  /** What the script calls them; undefined while it has not said. */
  scriptPorts: { local: number; remote: number } | undefined;
  /** Live, and as the script has it in our SYN. All other segments are numbered from there on. */
  #localIsn = 0;
  #localScriptIsn = 0;
  #remoteIsn: number;
  /** Added to what the script says in the peer's SYN. */
  readonly #remoteBase: number;
  /** The peer's last SYN: ours will tell whether it began anything. */
  #offeredIsn: number;
  /** We have answered the peer's SYN: another one changes nothing by itself. */
  #isSynchronized = false;
  /** The script's timestamp values of ours, and what they were. */
  readonly #timestamps = new Map<number, number>();
  #firstTimestamp: { script: number; live: number } | undefined;
  #lastTimestamp = 0;
  /** The MSS that our SYN offered. */
  offeredMss = 0;

  constructor(localPort: number, remotePort: number, remoteBase: number) {
    this.localPort = localPort;
    this.remotePort = remotePort;
    this.#remoteBase = this.#remoteIsn = this.#offeredIsn = remoteBase;
  }

  /** A segment of ours leaves. Until the script numbers a SYN, it is taken to be 0. */
  leaves({ flags, sequence, options }: LiveSegment): void {
    for (const option of options) {
      if (option.kind === 'TS') this.#lastTimestamp = option.value;
      if (option.kind === 'mss') this.offeredMss = option.value;
    }
    if (flags.includes('S')) {
      if (sequence !== this.#localIsn) this.#localScriptIsn = 0;
      this.#localIsn = sequence;
      this.#isSynchronized = flags.includes('.');
      if (this.#isSynchronized) this.#remoteIsn = this.#offeredIsn;
    } else if (!flags.includes('R')) this.#isSynchronized = true;
  }

  /** The script says which number our SYN has, and which value our timestamp. */
  matched(script: TcpBody, live: LiveSegment): void {
    if (script.flags.includes('S')) this.#localScriptIsn = script.sequence;
    const ours = live.options.find((option) => option.kind === 'TS');
    const theirs = script.options === 'any' ? undefined : script.options.find(({ kind }) => kind === 'TS');
    if (ours?.kind !== 'TS' || theirs?.kind !== 'TS') return;
    this.#timestamps.set(theirs.value, ours.value);
    this.#firstTimestamp ??= { script: theirs.value, live: ours.value };
  }

  /** A segment of the peer's is about to be sent. */
  arrives({ flags, sequence }: TcpBody): void {
    if (!flags.includes('S')) return;
    this.#offeredIsn = (sequence + this.#remoteBase) | 0;
    if (!this.#isSynchronized) this.#remoteIsn = this.#offeredIsn;
  }

  /** A SYN's numbers are as they stand, those of other segments relative to it. */
  localToLive(sequence: number, isSyn = false): number {
    return (sequence + this.#localIsn - (isSyn ? this.#localScriptIsn : 0)) | 0;
  }

  localToScript(sequence: number, isSyn = false): number {
    return (sequence - this.localToLive(0, isSyn)) | 0;
  }

  remoteToLive(sequence: number, isSyn = false): number {
    return (sequence + (isSyn ? this.#remoteBase : this.#remoteIsn)) | 0;
  }

  remoteToScript(sequence: number, isSyn = false): number {
    return (sequence - this.remoteToLive(0, isSyn)) | 0;
  }

  /** Where in our stream a live segment's text is: 0 is the first byte. */
  localOffset({ sequence, flags }: LiveSegment): number {
    return (sequence - this.#localIsn - (flags.includes('S') ? 0 : 1)) | 0;
  }

  /** Where in the peer's stream a segment's text is; text within a SYN begins after it. */
  remoteOffset({ sequence, flags }: TcpBody): number {
    return flags.includes('S') ? 0 : sequence - 1;
  }

  /** What the peer echoes: the value the script gave one of our segments, or as many ticks of 1 ms from the first. */
  echoToLive(echo: number): number {
    if (echo === 0) return 0;
    const known = this.#timestamps.get(echo);
    if (known !== undefined) return known;
    if (!this.#firstTimestamp) return this.#lastTimestamp;
    return (this.#firstTimestamp.live + echo - this.#firstTimestamp.script) | 0;
  }

  /** Our timestamp as the script would have it, had it begun with what it called the first. */
  timestampToScript(value: number): number {
    if (!this.#firstTimestamp) return value;
    return (value - this.#firstTimestamp.live + this.#firstTimestamp.script) | 0;
  }

  /** The segment's options in the script's numbers. */
  optionsToScript(options: TcpOption[]): TcpOption[] {
    return options.map((option) => {
      if (option.kind === 'TS') return { ...option, value: this.timestampToScript(option.value) };
      if (option.kind !== 'sack') return option;
      const blocks = option.blocks.map(({ start, end }) => ({
        start: this.remoteToScript(start),
        end: this.remoteToScript(end),
      }));
      return { ...option, blocks };
    });
  }
}

/** All connections of a script, and which one it means when it names no ports. */
export class Flows {
  /** The one under test. */
  current: Flow | undefined;
  /** Told the first sequence number of a SYN of ours, once. */
  chose: ((isn: number) => void) | undefined;
  readonly #all: Flow[] = [];
  readonly #remoteBase: number;
  #nextRemotePort = 50_000;

  constructor(remoteBase: number) {
    this.#remoteBase = remoteBase;
  }

  /** A connection of ours to somewhere becomes the one under test. */
  connecting(localPort: number, remotePort: number): void {
    this.current = this.#find(localPort, remotePort) ?? this.#add(localPort, remotePort);
  }

  /** A connection that was accepted becomes the one under test. */
  accepted(localPort: number, remotePort: number): void {
    this.current = this.#find(localPort, remotePort);
  }

  /** The flow of a packet from the peer. `listening`: the port that the next new connection is for. */
  forInbound(ports: { source: number; destination: number } | undefined, listening: number): Flow {
    if (!ports) return (this.current ??= this.#add(listening, this.#nextRemotePort++));
    const { source: remote, destination: local } = ports;
    const named = this.#named(local, remote);
    if (named) return (this.current = named);
    const flow = this.#find(local, remote) ?? this.#add(local, remote);
    flow.scriptPorts = { local, remote };
    return (this.current = flow);
  }

  /** A segment of ours leaves. */
  leaves(segment: LiveSegment): void {
    this.forLive(segment.sourcePort, segment.destinationPort).leaves(segment);
    if (!segment.flags.includes('S')) return;
    this.chose?.(segment.sequence);
    this.chose = undefined;
  }

  /** The flow of a packet that left. */
  forLive(localPort: number, remotePort: number): Flow {
    return this.#find(localPort, remotePort) ?? this.#add(localPort, remotePort);
  }

  /** Checks the ports that an outbound packet must have, or learns what the script calls them. */
  check(flow: Flow, ports: { source: number; destination: number } | undefined, line: number): void {
    if (!ports) return;
    const named = this.#named(ports.source, ports.destination);
    if (named === flow || (!named && !flow.scriptPorts && flow === this.current)) {
      flow.scriptPorts = { local: ports.source, remote: ports.destination };
      return;
    }
    const { localPort, remotePort, scriptPorts } = flow;
    const got = scriptPorts ? `${scriptPorts.local} > ${scriptPorts.remote}` : `${localPort} > ${remotePort}`;
    throw new ScriptFailure(line, `a packet ${ports.source} > ${ports.destination}`, got);
  }

  #named(local: number, remote: number): Flow | undefined {
    return this.#all.find(({ scriptPorts }) => scriptPorts?.local === local && scriptPorts.remote === remote);
  }

  #find(localPort: number, remotePort: number): Flow | undefined {
    return this.#all.find((flow) => flow.localPort === localPort && flow.remotePort === remotePort);
  }

  #add(localPort: number, remotePort: number): Flow {
    const flow = new Flow(localPort, remotePort, this.#remoteBase);
    this.#all.push(flow);
    return flow;
  }
}
