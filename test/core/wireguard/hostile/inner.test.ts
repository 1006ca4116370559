// What an authentic peer may send inside: bytes count and the endpoint follows, but only good packets are delivered.
import { describe, expect, it } from 'vitest';
import { makePacket } from '../station.ts';
import { elsewhere, expectRefused, flipped, incoming, type Refusal, refuses, Scene } from './scene.ts';

const inner = (bytes: number[], size = bytes.length) => {
  const packet = new Uint8Array(size);
  packet.set(bytes);
  return packet;
};

const withIpv4Length = (length: number) => {
  const packet = makePacket('10.0.0.1', '10.0.0.2', 40);
  new DataView(packet.buffer).setUint16(2, length);
  return packet;
};

const withIpv6Length = (length: number) => {
  const packet = makePacket('fd00::1', 'fd00::2', 60);
  new DataView(packet.buffer).setUint16(4, length);
  return packet;
};

const bad = (title: string, content: Uint8Array): Refusal => ({
  title,
  datagram: ({ opponent, live }) => opponent.seal(live, content),
  drop: 'bad_inner',
  peer: 0,
  authentic: true,
});

const notAllowed = (title: string, source: string, destination: string): Refusal => ({
  title,
  datagram: (scene) => {
    scene.addOther({ routes: '10.7.0.0/16' });
    return scene.opponent.seal(scene.live, makePacket(source, destination));
  },
  drop: 'disallowed_source',
  peer: 0,
  authentic: true,
});

const REFUSED: Refusal[] = [
  notAllowed('row 47: a source that nobody may have', '192.0.2.77', '10.0.0.2'),
  notAllowed('row 47: a source that another peer may have', '10.7.1.1', '10.0.0.2'),
  notAllowed('row 47: an IPv6 source that nobody may have', 'fd77::1', 'fd77::2'),
  bad('row 49: the one byte 0x45', inner([0x45])),
  bad('row 49: IPv4 of 19 bytes', makePacket('10.0.0.1', '10.0.0.2', 20).slice(0, 19)),
  bad('row 49: IPv6 of 39 bytes', makePacket('fd00::1', 'fd00::2', 40).slice(0, 39)),
  bad('row 49: version 0', inner([0x05], 64)),
  bad('row 49: version 5', inner([0x55], 64)),
  bad('row 49: version 15', inner([0xf5], 64)),
  bad('row 49: 16 zero bytes, which are no keepalive', inner([], 16)),
  bad('row 50: an IPv4 length beyond the content', withIpv4Length(41)),
  bad('row 50: an IPv4 length of 65535', withIpv4Length(65_535)),
  bad('row 50: an IPv4 length of 19', withIpv4Length(19)),
  bad('row 50: an IPv4 length of 0', withIpv4Length(0)),
  bad('row 51: an IPv6 payload length of 65535 on a short packet', withIpv6Length(65_535)),
  bad('row 51: an IPv6 payload length that would be 4 in 16 bits', withIpv6Length(65_500)),
  bad('row 51: an IPv6 payload length of one too many', withIpv6Length(21)),
  {
    title: 'row 55: a datagram of 65,507 bytes that is not authentic',
    datagram: ({ opponent, live }) =>
      flipped(opponent.seal(live, makePacket('10.0.0.1', '10.0.0.2', 65_475)), 70),
    drop: 'bad_tag',
    peer: 0,
  },
  {
    title: 'row 55: 65,507 random bytes',
    datagram: ({ opponent }) => {
      const datagram = new Uint8Array(65_507).map(() => opponent.index());
      datagram.set([4, 0, 0, 0]);
      return datagram;
    },
    drop: 'unknown_index',
  },
];

describe('content that is refused', () => refuses(REFUSED));

describe('content that is accepted', () => {
  it('row 48: an empty one is a keepalive: not delivered, not answered', () => {
    const scene = new Scene();
    const { station } = scene;
    scene.hear(scene.live, new Uint8Array(0));
    station.run(60_000);
    expect(station.delivered).toEqual([]);
    expect(station.takeSent()).toEqual([]);
    expect(station.drops()).toEqual({});
    scene.expectEcho();
  });

  it.each([
    ['row 52: 20 bytes of 0xAA after the packet are trimmed', incoming, 20],
    ['row 52: so are 1400, which is more than padding', incoming, 1400],
    ['row 53: no padding at all is needed', makePacket('10.0.0.1', '10.0.0.2', 37), 0],
    ['row 53: a header and nothing else', makePacket('10.0.0.1', '10.0.0.2', 20), 0],
    ['row 54: larger than our MTU', makePacket('10.0.0.1', '10.0.0.2', 9000), 8],
    ['row 54: of 65,475 bytes, as large as UDP allows', makePacket('10.0.0.1', '10.0.0.2', 65_475), 0],
  ])('%s', (_title, packet, surplus) => {
    const scene = new Scene();
    const content = new Uint8Array(packet.length + surplus).fill(0xaa);
    content.set(packet);
    scene.hear(scene.live, content);
    expect(scene.station.delivered).toEqual([packet]);
    expect(scene.station.drops()).toEqual({});
    scene.expectEcho();
  });

  it('row 55: a datagram of 65,507 bytes, valid or not, is worked on where it lies', () => {
    const scene = new Scene();
    const { memory } = scene.station.crypto;
    const { slots, egress } = memory;
    const datagram = scene.opponent.seal(scene.live, makePacket('10.0.0.1', '10.0.0.2', 65_475));
    expect(datagram).toHaveLength(65_507);
    const before = Buffer.concat([
      memory.bytes.slice(slots.start, slots.end),
      memory.bytes.slice(egress.start),
    ]);
    scene.station.receive(flipped(datagram, 70), elsewhere);
    scene.station.receive(datagram, elsewhere);
    const after = Buffer.concat([
      memory.bytes.slice(slots.start, slots.end),
      memory.bytes.slice(egress.start),
    ]);
    expect(scene.station.delivered[0]).toHaveLength(65_475);
    expect(Buffer.compare(after, before)).toBe(0);
    scene.expectEcho();
  });

  it('row 47: it is the source that counts, and the longest prefix: a peer may not speak from a part of its own', () => {
    const scene = new Scene();
    const { opponent, station } = scene;
    // Inside 10.0.0.0/8, but more specifically of another.
    const packet = makePacket('10.7.1.1', '10.0.0.2');
    scene.hear(scene.live, packet);
    expect(station.delivered).toEqual([packet]);
    const other = scene.addOther({ routes: '10.7.0.0/16' });
    expectRefused(scene, opponent.seal(scene.live, packet), {
      drop: 'disallowed_source',
      peer: 0,
      authentic: true,
    });
    station.device.removePeer(other.publicKey);
    scene.hear(scene.live, packet);
    expect(station.delivered.at(-1)).toEqual(packet);
  });
});
