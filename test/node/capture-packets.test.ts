// Packets of each kind in a capture, as tshark reads them: none malformed, none with a wrong checksum.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CaptureOptions } from '../../src/node/index.ts';
import { isFound } from '../support/found.ts';
import { tsharkFaults, tsharkFields } from '../support/tshark.ts';
import { openTunnelPair, type TunnelPair } from '../support/tunnel-pair.ts';

/** RFC 9293 §3.1. */
const [FIN, SYN, RST, ACK] = [1, 2, 4, 16];

const hasTshark = isFound('tshark');

let pair: TunnelPair;
let folder: string;
beforeAll(async () => {
  pair = await openTunnelPair();
  folder = mkdtempSync(join(tmpdir(), 'tabwire-capture-packets-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await pair.close();
});

/** What passes our tunnel while `talk` does. */
async function captured(talk: () => Promise<void>, options: CaptureOptions = {}): Promise<Buffer> {
  const reader = pair.us.capture(options).getReader();
  // The file's head: it has begun.
  const chunks = [(await reader.read()).value!];
  const reading = (async () => {
    for (let read = await reader.read(); !read.done; read = await reader.read()) chunks.push(read.value);
  })();
  await talk();
  // What was taken is posted before what is answered later; the second is for the pull between.
  for (let n = 0; n < 2; n++) await settled();
  await reader.cancel();
  await reading;
  return Buffer.concat(chunks);
}

/** A list of the fields for each packet; tshark must find nothing wrong with any. */
function tshark(file: Buffer, ...fields: string[]): string[][] {
  expect(tsharkFaults(folder, file)).toEqual([]);
  return tsharkFields(folder, file, fields).map((line) => line.split('\t'));
}

/** A connection from SYN to the last ACK, with `size` bytes there and back. */
async function converse(host: string, port: number, size: number): Promise<void> {
  const server = new pair.them.TCPServerSocket('::', { localPort: port });
  const reader = (await server.opened).readable.getReader();
  const socket = new pair.us.TCPSocket(host, port);
  const ours = await socket.opened;
  const theirs = (await reader.read()).value!;
  const { readable, writable } = await theirs.opened;
  const echoed = readable.pipeTo(writable);
  const writer = ours.writable.getWriter();
  await writer.write(new Uint8Array(size));
  await writer.close();
  let got = 0;
  for await (const chunk of ours.readable as unknown as AsyncIterable<Uint8Array>) got += chunk.length;
  expect(got).toBe(size);
  await Promise.all([socket.closed, theirs.closed, echoed]);
  reader.releaseLock();
  await server.close();
}

async function settled(): Promise<void> {
  for await (const reply of pair.us.ping('10.8.0.2', { count: 1 })) expect(reply.ok).toBe(true);
}

/** One datagram from us, to where nobody listens. */
async function send(host: string, port: number, size: number): Promise<void> {
  const socket = new pair.us.UDPSocket({ localAddress: '::' });
  const { writable } = await socket.opened;
  const writer = writable.getWriter();
  await writer.write({ data: new Uint8Array(size), remoteAddress: host, remotePort: port });
  writer.releaseLock();
  // Its error is not ours: we are not connected.
  await settled();
  await socket.close();
}

const OUT = '0x00000002';
const IN = '0x00000001';

describe.skipIf(!hasTshark)('tshark reads in a capture', () => {
  it.each([
    ['IPv4', '10.8.0.2', 7201],
    ['IPv6', 'fd08::2', 7202],
  ])('a whole TCP connection over %s, each way', async (_, host, port) => {
    const file = await captured(() => converse(host, port, 20_000), { filter: `tcp and port ${port}` });
    const packets = tshark(
      file,
      'frame.interface_name',
      'frame.packet_flags_direction',
      'tcp.dstport',
      'tcp.flags',
      'tcp.len',
      'tcp.completeness',
    );
    const sides = new Set(packets.map(([name, direction, to]) => `${name} ${direction} ${to === `${port}`}`));
    expect(sides).toEqual(new Set([`tabwire ${OUT} true`, `tabwire ${IN} false`]));
    const flags = (wanted: number) => packets.filter(([, , , bits]) => (Number(bits) & wanted) === wanted);
    expect([flags(SYN).length, flags(SYN | ACK).length, flags(RST).length]).toEqual([2, 1, 0]);
    // SYN, SYN-ACK, ACK, data, FIN; no RST.
    expect(packets.at(-1)![5]).toBe('31');
    for (const way of [OUT, IN]) {
      const those = packets.filter(([, direction]) => direction === way);
      const bytes = those.reduce((sum, [, , , , length]) => sum + Number(length), 0);
      expect(bytes, 'retransmissions are captured too').toBeGreaterThanOrEqual(20_000);
      expect(those.some(([, , , bits]) => Number(bits) & FIN)).toBe(true);
    }
  });

  it.each([
    ['IPv4', '10.8.0.2', ['ip.fragment.count', 'icmp.type', '8', '0']],
    ['IPv6', 'fd08::2', ['ipv6.fragment.count', 'icmpv6.type', '128', '129']],
  ] as const)(
    'fragments over %s, and what they are together',
    async (_, host, [count, type, request, reply]) => {
      const file = await captured(
        async () => {
          for await (const { ok } of pair.us.ping(host, { count: 1, size: 4000 })) expect(ok).toBe(true);
        },
        { filter: `host ${host}` },
      );
      const packets = tshark(file, 'frame.packet_flags_direction', count, type, 'data.len');
      const whole = packets.filter(([, pieces]) => pieces === '3');
      expect(whole).toEqual([
        [OUT, '3', request, '4000'],
        [IN, '3', reply, '4000'],
      ]);
      const fragments = packets.filter(([, , kind, length]) => kind === '' && Number(length) > 1000);
      expect(fragments.map(([direction]) => direction)).toEqual([OUT, OUT, IN, IN]);
    },
  );

  it.each([
    ['IPv4', '10.8.0.2', ['icmp.type', 'icmp.code', '3', '3']],
    ['IPv6', 'fd08::2', ['icmpv6.type', 'icmpv6.code', '1', '4']],
  ] as const)('an ICMP error over %s, with what it is about', async (_, host, [type, code, ...port]) => {
    const file = await captured(() => send(host, 7300, 100));
    const errors = tshark(file, 'frame.packet_flags_direction', type, code, 'udp.dstport', 'udp.length');
    expect(errors).toContainEqual([OUT, '', '', '7300', '108']);
    expect(errors).toContainEqual([IN, ...port, '7300', '108']);
  });

  it('as much of each packet as was asked for, wherever it is cut', async () => {
    for (const snaplen of [39, 60]) {
      const file = await captured(() => send('fd08::2', 7300, 4000), { snaplen });
      const lengths = tshark(file, 'frame.cap_len', 'frame.len').map((line) => line.map(Number));
      expect(lengths.length).toBeGreaterThanOrEqual(5);
      for (const [kept, had] of lengths) expect(kept).toBe(Math.min(snaplen, had!));
    }
  });
});
