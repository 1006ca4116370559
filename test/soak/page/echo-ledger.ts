/** What became of the numbered packets. */
export interface EchoReport {
  sent: number;
  received: number;
  /** Not back after LATEST. */
  lost: number;
  /** Numbers of the first few that were lost. */
  lostNumbers: number[];
  duplicated: number;
  altered: number;
  /** The slowest, in milliseconds. */
  slowest: number;
}

const HEADER = 8;
const SMALLEST = 16;
/** Both families carry it in one packet of 1420 bytes. */
const LARGEST = 1372;
/** In milliseconds. Where nothing is lost, even a stalled machine answers sooner. */
const LATEST = 15_000;

/** Makes packets of all sizes whose content follows from their number, and strikes them off as they come back. */
export class EchoLedger {
  #sent = 0;
  #received = 0;
  #duplicated = 0;
  #altered = 0;
  #slowest = 0;
  /** Number → when it was sent. */
  readonly #outstanding = new Map<number, number>();

  get outstanding(): number {
    return this.#outstanding.size;
  }

  next(now: number): Uint8Array<ArrayBuffer> {
    const number = this.#sent++;
    this.#outstanding.set(number, now);
    return packetOf(number);
  }

  received(data: Uint8Array, now: number): void {
    const number = data.length >= HEADER ? Number(viewOf(data).getBigUint64(0)) : -1;
    if (!(number >= 0 && number < this.#sent) || !isEqual(data, packetOf(number))) {
      this.#altered++;
      return;
    }
    const sentAt = this.#outstanding.get(number);
    if (sentAt === undefined) {
      this.#duplicated++;
      return;
    }
    this.#outstanding.delete(number);
    this.#received++;
    this.#slowest = Math.max(this.#slowest, now - sentAt);
  }

  report(now: number): EchoReport {
    const lost = [...this.#outstanding].filter(([, sentAt]) => now - sentAt > LATEST);
    return {
      sent: this.#sent,
      received: this.#received,
      lost: lost.length,
      lostNumbers: lost.slice(0, 20).map(([number]) => number),
      duplicated: this.#duplicated,
      altered: this.#altered,
      slowest: Math.round(this.#slowest),
    };
  }
}

function packetOf(number: number): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(SMALLEST + ((number * 173) % (LARGEST - SMALLEST + 1)));
  for (let i = HEADER; i < data.length; i++) data[i] = number + i * 7;
  viewOf(data).setBigUint64(0, BigInt(number));
  return data;
}

function viewOf(data: Uint8Array): DataView {
  return new DataView(data.buffer, data.byteOffset, data.length);
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
