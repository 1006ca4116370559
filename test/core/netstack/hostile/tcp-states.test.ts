import { describe, expect } from 'vitest';
import { SECOND } from '../../../../src/core/time.ts';
import { LoneStack } from '../../../support/lone-stack.ts';
import { counting } from '../../../support/packets.ts';
import { IPV4 } from './family.ts';
import { row } from './scene.ts';
import { TcpPeer } from './tcp-peer.ts';

const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

describe('hostile peers over time', () => {
  row(
    49,
    'one byte out of order in each page of a 16 MiB window: the limit of all memory holds',
    (family) => {
      const lone = new LoneStack();
      const { pages } = lone.stack.tcp;
      const size = 16 << 20;
      for (let n = 0; n < 3; n++) {
        const peer = TcpPeer.established(
          family,
          { windowScale: 14, receiveBufferSize: size, port: 5000 + n },
          lone,
        );
        // The window opens to what the buffer is.
        peer.send({ flags: 'PA', data: counting(100) });
        peer.read();
        peer.poll();
        for (let at = 4000; at < size; at += 4096)
          lone.receive(peer.packet({ flags: 'A', sequence: at, data: Uint8Array.of(1) }));
        lone.poll();
        lone.take();
        expect(pages.used * 4096).toBeLessThanOrEqual(128 << 20);
      }
      // And an honest connection goes on.
      const honest = TcpPeer.established(family, { port: 4999 }, lone);
      honest.send({ flags: 'PA', data: counting(1000) });
      expect(honest.connection.readableBytes).toBe(1000);
    },
  );

  row(
    52,
    'a window that stays closed while probes are answered: open, one probe in two minutes',
    (family) => {
      const peer = TcpPeer.established(family);
      peer.send({ flags: 'A', window: 0 });
      peer.connection.write(new Uint8Array(100_000));
      let [probes, lastAt] = [0, 0];
      const gaps: number[] = [];
      const end = peer.lone.now + 12 * HOUR;
      while (peer.lone.now < end) {
        peer.lone.now = Math.max(peer.lone.now, Math.min(peer.lone.stack.pollAt(), end));
        const sent = peer.poll();
        if (sent.length === 0) continue;
        probes += sent.length;
        for (const { data } of sent) expect(data.length).toBeLessThanOrEqual(1);
        gaps.push(peer.lone.now - lastAt);
        lastAt = peer.lone.now;
        peer.send({ flags: 'A', window: 0 });
      }
      expect(peer.connection.state).toBe('ESTABLISHED');
      expect(gaps.slice(20).every((gap) => gap >= 2 * MINUTE - 1)).toBe(true);
      expect(probes).toBeLessThan(400);
      // When it opens, all goes.
      expect(peer.send({ flags: 'A', window: 60_000 })[0]!.data.length).toBeGreaterThan(500);
      // With a user timeout it does not last for ever.
      const patient = TcpPeer.established(family, { port: 4001 });
      patient.connection.setOptions({ userTimeout: 60 * SECOND });
      patient.send({ flags: 'A', window: 0 });
      patient.connection.write(counting(10));
      for (let i = 0; i < 30; i++) {
        patient.pass(5 * SECOND);
        patient.send({ flags: 'A', window: 0 });
      }
      expect(patient.connection.state).toBe('CLOSED');
    },
  );

  row(
    53,
    'a window that shrinks below what was sent, and one of 0 and 1 in turn: never more than allowed',
    (family) => {
      const peer = TcpPeer.established(family);
      peer.connection.write(new Uint8Array(100_000));
      const sent = peer.poll().reduce((sum, { data }) => sum + data.length, 0);
      expect(sent).toBeGreaterThan(5000);
      // The window ends in the middle of what is in flight.
      const after = peer.send({ flags: 'A', acknowledgment: 1000, window: 100 });
      for (const { data } of after) expect(data.length).toBe(0);
      expect(peer.connection.state).toBe('ESTABLISHED');
      peer.send({ flags: 'A', acknowledgment: sent, window: 0 });
      let tiny = 0;
      for (let i = 0; i < 1000; i++) {
        const edge = sent + (i & 1);
        for (const { sequence, data } of peer.send({ flags: 'A', acknowledgment: sent, window: i & 1 })) {
          expect(sequence + data.length).toBeLessThanOrEqual(edge + 1);
          if (data.length > 0) tiny++;
        }
      }
      // Not one byte for each time that the window opened by one.
      expect(tiny).toBeLessThan(10);
    },
  );

  row(54, 'peers that read a byte a second, 10,000 of them: bounded memory, others unaffected', (family) => {
    const lone = new LoneStack();
    const listener = lone.stack.listenTcp({ port: 80, backlog: 4096 }, lone.now);
    const peers: TcpPeer[] = [];
    for (let i = 0; i < 10_000; i++) {
      const peer = new TcpPeer(family, { port: 10_000 + i, window: 1 }, lone);
      peer.connect();
      peer.connection = listener.accept()!;
      peers.push(peer);
    }
    const chunk = new Uint8Array(16 << 10);
    let written = 0;
    for (const { connection } of peers) written += connection.write(chunk);
    lone.poll();
    lone.take();
    const { pages } = lone.stack.tcp;
    expect(pages.used * 4096).toBeLessThanOrEqual(128 << 20);
    expect(written).toBeLessThan(10_000 * chunk.length);
    for (let second = 1; second <= 2; second++) {
      lone.now += SECOND;
      for (const peer of peers.slice(0, 100)) peer.send({ flags: 'A', acknowledgment: second, window: 1 });
    }
    // Another one is served meanwhile.
    const other = new TcpPeer(family, { port: 9000 }, lone);
    other.connect();
    other.connection = listener.accept()!;
    other.send({ flags: 'PA', data: counting(3000) });
    expect(other.connection.readableBytes).toBe(3000);
  });

  row(
    58,
    'two stacks that do not agree about their numbers, with closed windows: two ACKs a second each',
    (family) => {
      // One hand-made peer each, under the other's name: then they are connected to each other, with wrong numbers.
      const there = { ...family, us: family.peer, peer: family.us };
      const ours = TcpPeer.established(family, { port: 4000, isn: 1000 });
      const prefix = family === IPV4 ? 24 : 64;
      const theirs = new TcpPeer(
        there,
        { port: 80, isn: 5_000_000 },
        new LoneStack({ addresses: [`${family.peer}/${prefix}`], seed: 9 }),
      );
      const listener = theirs.lone.stack.listenTcp({ port: 4000 }, theirs.lone.now);
      theirs.toPort = 4000;
      theirs.connect();
      theirs.connection = listener.accept()!;
      ours.send({ flags: 'A', window: 0 });
      theirs.send({ flags: 'A', window: 0 });
      ours.connection.write(counting(100));
      theirs.connection.write(counting(100));
      let [there1, here] = [0, 0];
      const end = ours.lone.now + 20 * SECOND;
      for (; ours.lone.now < end; ours.lone.now += 10, theirs.lone.now = ours.lone.now) {
        for (let round = 0; round < 50; round++) {
          const out = ours.lone.exchange();
          const back = theirs.lone.exchange(...out);
          here += out.length;
          there1 += back.length;
          for (const packet of back) ours.lone.receive(packet);
          if (out.length + back.length === 0) break;
        }
      }
      expect([ours.connection.state, theirs.connection.state]).toEqual(['ESTABLISHED', 'ESTABLISHED']);
      // And their own probes.
      expect(here).toBeLessThanOrEqual(2 * 20 + 10);
      expect(there1).toBeLessThanOrEqual(2 * 20 + 10);
    },
  );
});
