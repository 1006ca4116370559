import type { CaptureMessage, CaptureOptions } from '../bridge/api.ts';
import type { Port } from '../bridge/channel.ts';
import { CallerTypeError, TunnelError } from '../core/errors.ts';
import type { PacketBuffer } from '../core/packet-buffer.ts';
import type { PacketTap } from '../core/packet-tap.ts';
import type { Instant } from '../core/time.ts';
import type { TunnelCore } from '../core/tunnel.ts';
import { PacketFilter } from '../core/wire/packet-filter.ts';
import { concatenate, type PacketRecord, writePcapngHeader, writePcapngPacket } from '../core/wire/pcapng.ts';
import type { Drainable, Noted } from './noted.ts';

/** Captures that may run at once. */
const MAX_CAPTURES = 8;
/** What each may keep for a reader that is slow, in bytes; packets that come then are lost to it, and counted. */
const MAX_KEPT = 4 << 20;
/** What a record weighs besides its packet. */
const RECORD_WEIGHT = 64;
/** Longer than any packet. */
const MAX_SNAPLEN = 262_144;
const INTERFACE_NAME = 'tabwire';

/** All captures of one tunnel: the core's tap while there is one, and nothing to the core while there is none. */
export class Captures implements PacketTap {
  readonly #core: TunnelCore;
  readonly #noted: Noted;
  /** Milliseconds since 1970 at the core's instant 0. */
  readonly #epoch: number;
  readonly #running = new Set<Capture>();

  constructor(core: TunnelCore, noted: Noted, epoch: number) {
    this.#core = core;
    this.#noted = noted;
    this.#epoch = epoch;
  }

  /** Its bytes go to `port`. Throws a CallerTypeError for a filter that is none, ERR_LIMIT for one too many. */
  open({ snaplen, filter }: CaptureOptions, port: Port): void {
    const packetFilter = PacketFilter.parse(filter);
    if (!packetFilter)
      throw new CallerTypeError(
        `filter "${filter.slice(0, 100)}": expected words such as "tcp", "udp", "icmp", "host 10.0.0.1", "port 443"`,
      );
    if (this.#running.size >= MAX_CAPTURES)
      throw new TunnelError('ERR_LIMIT', `No more than ${MAX_CAPTURES} captures at a time.`, {
        retryable: true,
      });
    const length = snaplen || MAX_SNAPLEN;
    const capture = new Capture(packetFilter, length, port, {
      noted: this.#noted,
      finished: () => {
        this.#running.delete(capture);
        if (this.#running.size === 0) this.#core.tap = undefined;
      },
    });
    this.#running.add(capture);
    this.#core.tap = this;
  }

  packetReceived(packet: PacketBuffer, now: Instant): void {
    for (const capture of this.#running) capture.take(packet, false, now + this.#epoch);
  }

  packetSent(packet: PacketBuffer, now: Instant): void {
    for (const capture of this.#running) capture.take(packet, true, now + this.#epoch);
  }

  packetRefused(reason: string): void {
    for (const capture of this.#running) capture.refused(reason);
  }

  /** The tunnel ends: what is kept is still delivered. */
  close(): void {
    for (const capture of [...this.#running]) capture.end();
  }
}

interface CaptureHost {
  readonly noted: Noted;
  finished(): void;
}

/** One capture: what was taken and not yet asked for. */
class Capture implements Drainable {
  readonly #filter: PacketFilter;
  readonly #snaplen: number;
  readonly #port: Port;
  readonly #host: CaptureHost;
  #records: PacketRecord[] = [];
  #kept = 0;
  #lost = 0;
  /** The record of the packet that was received last, if it was taken. */
  #last: PacketRecord | undefined;
  #isAsked = false;
  #header: Uint8Array | undefined;

  constructor(filter: PacketFilter, snaplen: number, port: Port, host: CaptureHost) {
    this.#filter = filter;
    this.#snaplen = snaplen;
    this.#port = port;
    this.#host = host;
    this.#header = writePcapngHeader(INTERFACE_NAME, snaplen);
    port.onmessage = ({ data }: MessageEvent<CaptureMessage>) => {
      if (data.type === 'close') return this.#finish();
      this.#isAsked = true;
      this.drain();
    };
  }

  take(packet: PacketBuffer, isOutbound: boolean, at: number): void {
    // What is sent may be the answer to what was received last, which is refused only then.
    if (!isOutbound) this.#last = undefined;
    if (!this.#filter.matches(packet)) return;
    const { memory, start, length } = packet;
    const caught = Math.min(length, this.#snaplen);
    if (this.#kept + caught + RECORD_WEIGHT > MAX_KEPT) {
      this.#lost++;
      return;
    }
    const data = memory.slice(start, start + caught);
    const record: PacketRecord = { at, isOutbound, data, originalLength: length, lost: this.#lost };
    this.#lost = 0;
    this.#kept += caught + RECORD_WEIGHT;
    this.#records.push(record);
    if (!isOutbound) this.#last = record;
    if (this.#isAsked) this.#host.noted.note(this);
  }

  refused(reason: string): void {
    if (this.#last) this.#last.comment = `dropped: ${reason}`;
  }

  drain(): void {
    if (!this.#isAsked || (this.#records.length === 0 && !this.#header)) return;
    this.#isAsked = false;
    const bytes = this.#bytes();
    this.#port.postMessage({ type: 'chunk', bytes } satisfies CaptureMessage, [bytes.buffer]);
  }

  end(): void {
    const bytes = this.#bytes();
    this.#port.postMessage({ type: 'end', bytes } satisfies CaptureMessage, [bytes.buffer]);
    this.#finish();
  }

  #bytes(): Uint8Array<ArrayBuffer> {
    const parts = this.#records.map(writePcapngPacket);
    if (this.#header) parts.unshift(this.#header as Uint8Array<ArrayBuffer>);
    this.#header = undefined;
    this.#records = [];
    this.#kept = 0;
    this.#last = undefined;
    return concatenate(parts);
  }

  #finish(): void {
    this.#port.onmessage = null;
    this.#port.close();
    this.#host.finished();
  }
}
