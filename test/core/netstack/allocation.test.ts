import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { PacketBuffer } from '../../../src/core/packet-buffer.ts';
import { LoneStack, OUR_V4, OUR_V6, PEER_V4, PEER_V6 } from '../../support/lone-stack.ts';
import { counting, icmpPacket, udpPacket } from '../../support/packets.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const PACKETS = 5_000;
/** Bytes per packet below which it is no garbage, but noise. */
const NOISE = 4;
const MOST_RUNS = 40;

/**
 * Bytes of garbage that one call makes, on average; no collection fits into so short a run. The least of many runs
 * counts: the machine only ever adds, and on a busy one the compiler takes its time.
 */
function garbageOf(act: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < MOST_RUNS && least >= NOISE; run++) {
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < PACKETS; i++) act();
    least = Math.min(least, (process.memoryUsage().heapUsed - before) / PACKETS);
  }
  return least;
}

describe('receiving makes no garbage', () => {
  const families = [
    { name: 'IPv4', source: PEER_V4, destination: OUR_V4, unreachable: 3 },
    { name: 'IPv6', source: PEER_V6, destination: OUR_V6, unreachable: 1 },
  ];
  for (const { name, source, destination, unreachable } of families) {
    /** Hands in the same packet each time, from where it lies. */
    const receiving = (lone: LoneStack, bytes: Uint8Array) => {
      const { memory } = lone.environment;
      const packet = new PacketBuffer(memory, memory.ingress);
      packet.copyFrom(bytes, 0, bytes.length, 16);
      const { start, end } = packet;
      return () => {
        packet.start = start;
        packet.end = end;
        lone.stack.receivePacket(packet, lone.now);
      };
    };

    it(`with UDP over ${name}, up to the message that its socket gets`, () => {
      const lone = new LoneStack();
      lone.stack.bindUdp({ port: 53 });
      const data = counting(1000);
      const receive = receiving(
        lone,
        udpPacket({ source, destination, sourcePort: 9, destinationPort: 53, data }),
      );
      // A queue that is full takes no more messages: all that happens per packet is the stack's own work.
      for (let i = 0; i < 300; i++) receive();
      expect(garbageOf(receive)).toBeLessThan(NOISE);
      expect(lone.drops['udp-queue-full']).toBeGreaterThanOrEqual(PACKETS - 10);
    });

    it(`with errors over ${name} that concern nobody`, () => {
      const lone = new LoneStack();
      const quoted = udpPacket({
        source: destination,
        destination: source,
        sourcePort: 9,
        destinationPort: 53,
      });
      const receive = receiving(lone, icmpPacket({ source, destination, type: unreachable, data: quoted }));
      expect(garbageOf(receive)).toBeLessThan(NOISE);
      expect(lone.drops['icmp-quote']).toBeGreaterThanOrEqual(PACKETS - 10);
    });

    it(`with a scan over ${name} beyond the limits`, () => {
      const lone = new LoneStack();
      const receive = receiving(lone, udpPacket({ source, destination, sourcePort: 9, destinationPort: 7 }));
      expect(garbageOf(receive)).toBeLessThan(NOISE);
      expect(lone.drops['icmp-error-limit']).toBeGreaterThanOrEqual(PACKETS - 10);
    });
  }
});
