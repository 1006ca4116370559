// What a stack refuses, as it stands in a capture: each packet with the reason, and no other packet with one.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { CaptureMessage } from '../../src/bridge/api.ts';
import { IpPrefix } from '../../src/core/address.ts';
import { clamp, RawIdentity } from '../../src/core/crypto/identity.ts';
import { PacketBuffer } from '../../src/core/packet-buffer.ts';
import { TunnelCore } from '../../src/core/tunnel.ts';
import { openLocalChannel } from '../../src/node/local-channel.ts';
import { Captures } from '../../src/service/capture.ts';
import { Noted } from '../../src/service/noted.ts';
import { NobleSuite } from '../reference/noble-suite.ts';
import { isFound } from '../support/found.ts';
import { counting, fragment, icmpPacket, ipPacket, udpPacket } from '../support/packets.ts';
import { SeededRandom } from '../support/random.ts';
import { tcpPacket } from '../support/tcp-packets.ts';
import { tsharkFaults, tsharkFields } from '../support/tshark.ts';

const hasTshark = isFound('tshark');

const NOW = 1000;

const folder = mkdtempSync(join(tmpdir(), 'tabwire-drops-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** One end of a tunnel. What it sends is at the other end at once. */
class End {
  readonly core: TunnelCore;
  readonly publicKey: Uint8Array;
  readonly endpoint: { host: string; port: number };
  other!: End;
  readonly #suite = new NobleSuite();
  readonly #ingress = new PacketBuffer(this.#suite.memory, this.#suite.memory.ingress);

  constructor(host: number) {
    const random = new SeededRandom(host);
    const privateKey = clamp(random.bytes(32));
    this.publicKey = this.#suite.publicKey(privateKey);
    this.endpoint = { host: `192.0.2.${host}`, port: 51_820 };
    const { memory } = this.#suite;
    const addresses = [IpPrefix.parse(`10.0.0.${host}/24`)!, IpPrefix.parse(`fd00::${host}/64`)!];
    this.core = new TunnelCore(
      { identity: new RawIdentity(privateKey, this.#suite), addresses, mtu: 1420 },
      { crypto: this.#suite, memory, fillRandom: random.fill, wallClock: () => NOW },
      {
        sendDatagram: ({ memory, start, end }) =>
          this.other.#receive(memory.slice(start, end), this.endpoint),
        notify: () => {},
        congested: false,
      },
    );
  }

  meet(other: End): void {
    this.other = other;
    const allowedIps = ['0.0.0.0/0', '::/0'].map((text) => IpPrefix.parse(text)!);
    const { publicKey, endpoint } = other;
    this.core.device.addPeer({ publicKey, endpoint, allowedIps, persistentKeepalive: 0 }, NOW);
  }

  /** Past our own stack, which would not send such packets. */
  send(packet: Uint8Array): void {
    const buffer = new PacketBuffer(this.#suite.memory, this.#suite.memory.slots);
    buffer.copyFrom(packet, 0, packet.length, 16);
    this.core.device.sendPacket(buffer, NOW);
  }

  #receive(datagram: Uint8Array, from: { host: string; port: number }): void {
    this.#ingress.copyFrom(datagram);
    this.core.receiveDatagram(this.#ingress, from, NOW);
  }
}

/** The file of what `us` gets while `them` send these. */
async function captureOf(packets: readonly Uint8Array[]): Promise<{ file: Uint8Array; core: TunnelCore }> {
  const [us, them] = [new End(2), new End(1)];
  us.meet(them);
  them.meet(us);
  for (const end of [us, them]) end.core.device.up(NOW);
  const noted = new Noted();
  const captures = new Captures(us.core, noted, 0);
  const { near, far } = openLocalChannel();
  captures.open({ snaplen: 0, filter: '' }, far);
  for (const packet of packets) them.send(packet);
  captures.close();
  const { bytes } = await new Promise<CaptureMessage & { bytes: Uint8Array }>((resolve) => {
    near.onmessage = ({ data }) => resolve(data);
  });
  return { file: bytes, core: us.core };
}

type Case = [reason: string, packet: Uint8Array];

function casesOf(source: string, destination: string): Case[] {
  const ends = { source, destination };
  const isIpv4 = !source.includes(':');
  const [request, icmp] = isIpv4 ? [8, 1] : [128, 58];
  const ports = { sourcePort: 1000, destinationPort: 9 };
  const piece = (offset: number, payload: Uint8Array) =>
    fragment({ ...ends, protocol: icmp, identification: 7, offset, more: true, payload });
  return [
    ['', icmpPacket({ ...ends, type: request, rest: 1, data: counting(8) })],
    ['icmp-checksum', icmpPacket({ ...ends, type: request, checksum: 1 })],
    ['echo-reply-unknown', icmpPacket({ ...ends, type: isIpv4 ? 0 : 129, rest: 1 })],
    ['udp-checksum', udpPacket({ ...ends, ...ports, checksum: 1 })],
    ['udp-port-closed', udpPacket({ ...ends, ...ports })],
    ['tcp_checksum', tcpPacket({ ...ends, checksum: 1 })],
    ['tcp_no_connection', tcpPacket({ ...ends })],
    ['tcp_malformed', tcpPacket({ ...ends, headerLength: 60 })],
    ['ip-destination', udpPacket({ ...ends, ...ports, destination: isIpv4 ? '10.0.0.9' : 'fd00::9' })],
    ['', piece(0, counting(16))],
    ['fragment-overlap', piece(8, counting(16))],
    ['protocol-unknown', ipPacket(source, destination, 200, counting(8))],
    ['', icmpPacket({ ...ends, type: request, rest: 2, data: counting(8) })],
  ];
}

describe('a capture', () => {
  it.for([
    ['IPv4', '10.0.0.1', '10.0.0.2'],
    ['IPv6', 'fd00::1', 'fd00::2'],
  ] as const)(
    'names the reason at each packet that was refused, over %s',
    async ([, source, destination], { skip }) => {
      const cases = casesOf(source, destination);
      const { file, core } = await captureOf(cases.map(([, packet]) => packet));
      // None of them was lost on the way, and each was refused for what it says.
      const counted = { ...core.stack.drops.toRecord(), ...core.stack.tcp.drops.toRecord() };
      const reasons = cases.map(([reason]) => reason).filter((reason) => reason !== '');
      expect(counted).toEqual(Object.fromEntries(reasons.map((reason) => [reason, 1])));
      skip(!hasTshark, 'tshark is not found');
      // Two checksums and a header: that other captures have no faults is worth something.
      expect(tsharkFaults(folder, file).length).toBeGreaterThanOrEqual(3);
      const lines = tsharkFields(folder, file, ['frame.packet_flags_direction', 'frame.comment']);
      const inbound = lines.filter((line) => line.startsWith('0x00000001'));
      expect(inbound.map((line) => line.split('\t')[1]!)).toEqual(
        cases.map(([reason]) => (reason === '' ? '' : `dropped: ${reason}`)),
      );
      // Two answers to pings, three that say what was wrong.
      const outbound = lines.filter((line) => !line.startsWith('0x00000001'));
      expect(outbound).toEqual(Array(5).fill('0x00000002\t'));
    },
  );
});
