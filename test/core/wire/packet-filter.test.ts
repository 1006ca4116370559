import { describe, expect, it } from 'vitest';
import { PacketBuffer } from '../../../src/core/packet-buffer.ts';
import { PacketFilter } from '../../../src/core/wire/packet-filter.ts';
import { NobleSuite } from '../../reference/noble-suite.ts';

const { memory } = new NobleSuite();

function packetOf(hex: string): PacketBuffer {
  const packet = new PacketBuffer(memory, memory.ingress);
  packet.copyFrom(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
  return packet;
}

/** 10.0.0.1:5000 → 10.0.0.2:53 */
const UDP4 = '4500001c 00000000 40110000 0a000001 0a000002 1388 0035 00080000';
/** The same packet's second fragment, whose first bytes look like those ports. */
const LATER = '4500001c 00000001 40110000 0a000001 0a000002 1388 0035 00080000';
const IPV6_PAIR = 'fd000000000000000000000000000001 fd000000000000000000000000000002';
/** fd00::1 → fd00::2, a destination options header, then TCP 5000 → 443 */
const TCP6 = `60000000 001c 3c 40 ${IPV6_PAIR} 06000104 00000000 1388 01bb 00000000 00000000 50020000 00000000`;
const ICMP4 = '4500001c 00000000 40010000 0a000001 0a000002 08000000 00000000';
const ICMP6 = `60000000 0008 3a 40 ${IPV6_PAIR} 80000000 00000000`;
const ALL = { UDP4, LATER, TCP6, ICMP4, ICMP6 };

describe('a packet filter', () => {
  it.each([
    ['', ['UDP4', 'LATER', 'TCP6', 'ICMP4', 'ICMP6']],
    ['udp', ['UDP4', 'LATER']],
    ['tcp', ['TCP6']],
    ['icmp', ['ICMP4', 'ICMP6']],
    ['host 10.0.0.2', ['UDP4', 'LATER', 'ICMP4']],
    ['host fd00::/16', ['TCP6', 'ICMP6']],
    ['port 53', ['UDP4']],
    ['port 443', ['TCP6']],
    ['TCP and host fd00::1 and port 5000', ['TCP6']],
    ['udp port 443', []],
    ['host 10.0.0.3', []],
  ])('%j lets through %j', (text, names) => {
    const filter = PacketFilter.parse(text)!;
    const through = Object.entries(ALL).filter(([, packet]) => filter.matches(packetOf(packet)));
    expect(through.map(([name]) => name)).toEqual(names);
  });

  it.each(['tcp udp', 'host', 'host nowhere', 'port x', 'port 65536', 'port 1 port 2', 'or', 'not tcp'])(
    '%j is none',
    (text) => {
      expect(PacketFilter.parse(text)).toBeUndefined();
    },
  );

  it.each(['', '40', '45', '60', 'f0000000', '4500001400000000', '6000000000083c40fd'])(
    'what is no packet (%s) matches what asks for nothing, and nothing else',
    (hex) => {
      expect(PacketFilter.parse('')!.matches(packetOf(hex))).toBe(true);
      for (const text of ['tcp', 'host 10.0.0.1', 'host fd00::1', 'port 1'])
        expect(PacketFilter.parse(text)!.matches(packetOf(hex))).toBe(false);
    },
  );
});
