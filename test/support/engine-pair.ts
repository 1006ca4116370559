import { LoneEngine } from './lone-engine.ts';
import { OUR_V4, OUR_V6, PEER_V4, PEER_V6 } from './lone-stack.ts';

/** A packet on the way between two engines: the fields that options change. */
export interface SeenPacket {
  version: 4 | 6;
  ttl: number;
  tos: number;
  /** 6: TCP, 17: UDP. */
  protocol: number;
  /** Of TCP, FIN 1, SYN 2, RST 4, PSH 8, ACK 16; of others 0. */
  flags: number;
  /** Bytes of text in a TCP segment, of payload in all others. */
  length: number;
}

/** Two engines without WireGuard, at OUR_V4 and PEER_V4 (and the same of IPv6), and each packet that one sends the other. */
export class EnginePair {
  readonly us = new LoneEngine();
  readonly them = new LoneEngine({ addresses: [`${PEER_V4}/24`, `${PEER_V6}/64`], seed: 2 });
  /** What either sent, in order. */
  readonly ours: SeenPacket[] = [];
  readonly theirs: SeenPacket[] = [];
  /** False: the line is cut, what is sent waits. */
  isConnected = true;
  #isOver = false;

  constructor() {
    void this.#carry();
  }

  end(): void {
    this.#isOver = true;
  }

  /** So many milliseconds later, for both. */
  advance(by: number): void {
    this.us.advance(by);
    this.them.advance(by);
  }

  async #carry(): Promise<void> {
    while (!this.#isOver) {
      if (this.isConnected) {
        this.#move(this.us, this.them, this.ours);
        this.#move(this.them, this.us, this.theirs);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #move(from: LoneEngine, to: LoneEngine, seen: SeenPacket[]): void {
    const packets = from.lone.take();
    if (packets.length === 0) return;
    for (const packet of packets) {
      seen.push(read(packet));
      to.lone.receive(packet);
    }
    to.settle();
  }
}

export { OUR_V4, OUR_V6, PEER_V4, PEER_V6 };

/** Plainly, and only of packets without extension headers. */
export function read(packet: Uint8Array): SeenPacket {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const version = (packet[0]! >> 4) as 4 | 6;
  const header = version === 4 ? (packet[0]! & 15) * 4 : 40;
  const protocol = packet[version === 4 ? 9 : 6]!;
  const isTcp = protocol === 6;
  const length = packet.length - header - (isTcp ? (packet[header + 12]! >> 4) * 4 : 8);
  return {
    version,
    ttl: packet[version === 4 ? 8 : 7]!,
    tos: version === 4 ? packet[1]! : (view.getUint16(0) >> 4) & 255,
    protocol,
    flags: isTcp ? packet[header + 13]! : 0,
    length,
  };
}
