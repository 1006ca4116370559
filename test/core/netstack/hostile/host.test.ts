import { describe, expect } from 'vitest';
import { LoneStack } from '../../../support/lone-stack.ts';
import { counting, cut, icmpPacket } from '../../../support/packets.ts';
import { row } from './scene.ts';
import { TcpPeer } from './tcp-peer.ts';

describe('a hostile host', () => {
  row(63, 'writes of nothing and of more than there is room for, and a close while it opens', (family) => {
    const peer = TcpPeer.established(family);
    expect(peer.connection.write(new Uint8Array(0))).toBe(0);
    expect(peer.poll()).toEqual([]);
    // More than memory could hold: a part is taken, and the rest waits for its turn.
    const large = new Uint8Array(64 << 20);
    const taken = peer.connection.write(large);
    expect(taken).toBeGreaterThan(0);
    expect(taken).toBeLessThanOrEqual(4 << 20);
    expect(peer.connection.write(large)).toBe(0);
    peer.connection.abort();
    expect(peer.connection.write(large)).toBe(0);
    const opening = peer.lone.stack.connectTcp(peer.remote, {}, peer.lone.now);
    expect(opening.write(counting(10))).toBe(10);
    peer.poll();
    opening.close();
    opening.close();
    opening.abort();
    expect(peer.poll()).toEqual([]);
    expect(opening.state).toBe('CLOSED');
    expect(opening.readInto(new Uint8Array(10))).toBe(0);
    expect(peer.lone.stack.tcp.connectionCount).toBe(0);
  });

  row(
    64,
    'a clock that jumps by an hour, and one that goes back: one firing of each timer, no harm',
    (family) => {
      const peer = TcpPeer.established(family);
      const { lone } = peer;
      peer.connection.write(counting(1000));
      peer.poll();
      const [first] = cut(
        icmpPacket({
          source: family.peer,
          destination: family.us,
          type: family.echoRequest,
          data: counting(300),
        }),
        104,
        1,
      );
      lone.exchange(first!);
      lone.now += 3_600_000;
      // The data once more, and word that fragments are missing.
      const woken = lone.exchange();
      expect(woken.length).toBeLessThanOrEqual(2);
      expect(lone.exchange()).toEqual([]);
      const { retransmits } = peer.connection.info();
      expect(retransmits).toBeLessThanOrEqual(1);
      expect(peer.connection.state).toBe('ESTABLISHED');
      lone.now -= 1_800_000;
      expect(lone.exchange()).toEqual([]);
      peer.send({ flags: 'A', acknowledgment: 1000 });
      expect(peer.connection.info().bytesAcknowledged).toBe(1000);
      lone.now += 1_800_001;
      peer.connection.write(counting(10));
      expect(peer.poll()).toHaveLength(1);
      expect(new LoneStack().exchange()).toEqual([]);
    },
  );
});
