import { describe, expect, it } from 'vitest';
import { IpAddress } from '../../../../src/core/address.ts';
import { PortCheck } from '../../../../src/core/netstack/diagnostics/port-check.ts';
import { NEVER } from '../../../../src/core/time.ts';
import { LoneStack, OUR_V4, OUR_V6, PEER_V4, PEER_V6 } from '../../../support/lone-stack.ts';
import {
  concat,
  icmpPacket,
  internetChecksum,
  ipPacket,
  pseudoHeader,
  u16,
  u32,
} from '../../../support/packets.ts';

const [SYN, RST, ACK] = [2, 4, 16];

for (const [name, us, peer, header] of [
  ['IPv4', OUR_V4, PEER_V4, 20],
  ['IPv6', OUR_V6, PEER_V6, 40],
] as const)
  describe(`a port check over ${name}`, () => {
    function check() {
      const lone = new LoneStack();
      const found: string[] = [];
      const connection = lone.stack.connectTcp({ address: IpAddress.parse(peer)!, port: 80 }, {}, lone.now);
      const running = new PortCheck(connection, lone.now + 5000, (state) => found.push(state));
      const [syn] = lone.exchange();
      const answer = (flags: number) => {
        const view = new DataView(syn!.buffer);
        const segment = concat(
          u16(80),
          u16(view.getUint16(header)),
          u32(7000),
          u32((view.getUint32(header + 4) + 1) >>> 0),
          Uint8Array.of(0x50, flags),
          u16(1000),
          u32(0),
        );
        segment.set(u16(internetChecksum(pseudoHeader(peer, us, 6, segment.length), segment)), 16);
        return ipPacket(peer, us, 6, segment);
      };
      const settle = () => {
        lone.poll();
        if (running.pollAt() <= lone.now) running.poll(lone.now);
        return lone.exchange();
      };
      const error = (type: number, code: number) =>
        icmpPacket({ source: peer, destination: us, type, code, data: syn! });
      return { lone, found, running, answer, settle, error };
    }

    it('says open, and resets the connection', () => {
      const { lone, found, running, answer, settle } = check();
      lone.receive(answer(SYN | ACK));
      const last = settle().at(-1)!;
      expect(found).toEqual(['open']);
      expect(last[header + 13]! & RST).toBe(RST);
      expect(running.pollAt()).toBe(NEVER);
      expect(lone.stack.tcp.connectionCount).toBe(0);
      expect(lone.stack.tcp.timeWaitCount).toBe(0);
    });

    it('says closed when the host resets', () => {
      const { lone, found, answer, settle } = check();
      lone.receive(answer(RST | ACK));
      expect(settle()).toEqual([]);
      expect(found).toEqual(['closed']);
    });

    it('says filtered when somebody on the way forbids it, whatever the words', () => {
      for (const [type, code] of name === 'IPv4'
        ? [
            [3, 13],
            [3, 3],
            [3, 10],
          ]
        : [
            [1, 1],
            [1, 4],
            [1, 6],
          ]) {
        const { lone, found, settle, error } = check();
        lone.receive(error(type!, code!));
        settle();
        expect(found).toEqual(['filtered']);
        expect(lone.stack.tcp.connectionCount).toBe(0);
      }
    });

    it('says filtered when nobody answers in time, and lets nothing linger', () => {
      const { lone, found, running, settle, error } = check();
      lone.receive(error(name === 'IPv4' ? 3 : 1, name === 'IPv4' ? 1 : 3));
      settle();
      expect(found).toEqual([]);
      lone.now += 4999;
      settle();
      expect(found).toEqual([]);
      lone.now += 1;
      settle();
      expect(found).toEqual(['filtered']);
      expect(running.pollAt()).toBe(NEVER);
      expect(lone.stack.tcp.connectionCount).toBe(0);
    });

    it('can be given up', () => {
      const { lone, found, running, answer, settle } = check();
      running.close();
      lone.receive(answer(SYN | ACK));
      settle();
      expect(found).toEqual([]);
      expect(lone.stack.tcp.connectionCount).toBe(0);
    });
  });
