import { describe, expect, it, vi } from 'vitest';
import { writePcapngHeader, writePcapngPacket } from '../../src/core/wire/pcapng.ts';
import type { Tunnel } from '../../src/index.ts';
import { CaptureRun } from '../../web/packets/capture-run.ts';
import { dissect } from '../../web/packets/dissect.ts';
import { BYTES_KEPT, PACKETS_KEPT, PacketBook } from '../../web/packets/packet-book.ts';
import { type CapturedPacket, PcapngReader } from '../../web/packets/pcapng-reader.ts';

vi.stubGlobal('addEventListener', vi.fn());
vi.stubGlobal('removeEventListener', vi.fn());

const hex = (text: string) =>
  Uint8Array.from(text.replace(/\s/g, '').match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));

const SYN = hex(`4500 003c 0000 4000 4006 0000 0a00 0002 0a00 0001
  d431 0050 0000 0064 0000 0000 a002 ffff 0000 0000 0204 0584 0402 080a 0000 0001 0000 0000 0103 0307`);
const DNS =
  hex(`6000 0000 0028 1140 fd00 0000 0000 0000 0000 0000 0000 0002 fd00 0000 0000 0000 0000 0000 0000 0001
  c001 0035 0028 0000 1234 0100 0001 0000 0000 0000 0264 6208 696e 7465 726e 616c 0000 0100 01`);
const ECHO = hex('4500 0054 0000 4000 4001 0000 0a00 0002 0a00 0001 0800 0000 0007 0003');

describe('what a packet says', () => {
  it('of TCP, UDP with DNS, and echo requests', () => {
    expect(dissect(SYN, SYN.length)).toEqual({
      protocol: 'TCP',
      source: '10.0.0.2:54321',
      destination: '10.0.0.1:80',
      info: '[SYN] seq 100 win 65535',
    });
    expect(dissect(DNS, DNS.length)).toEqual({
      protocol: 'UDP',
      source: '[fd00::2]:49153',
      destination: '[fd00::1]:53',
      info: '29 bytes, DNS question db.internal',
    });
    expect(dissect(ECHO, 84)).toMatchObject({ protocol: 'ICMP', info: 'echo request, id 7, seq 3' });
  });

  it('of a later fragment has no ports', () => {
    const later = SYN.slice();
    later[7] = 100;
    expect(dissect(later, 60)).toMatchObject({ source: '10.0.0.2', info: 'later fragment, 40 bytes' });
  });

  it('of what was cut anywhere, or is anything, is a line and no error', () => {
    for (const packet of [SYN, DNS, ECHO])
      for (let length = 0; length <= packet.length; length++)
        expect(dissect(packet.subarray(0, length), packet.length).info).not.toBe('');
    let seed = 7;
    for (let i = 0; i < 3000; i++) {
      const bytes = Uint8Array.from({ length: i % 90 }, () => (seed = (seed * 48271) % 2147483647) & 255);
      if (bytes.length > 0) bytes[0] = i % 2 ? 0x60 : 0x40 + (i % 16);
      expect(typeof dissect(bytes, bytes.length).info).toBe('string');
    }
  });
});

const record = { at: 1_700_000_000_123.456, isOutbound: true, data: SYN, originalLength: 60, lost: 0 };

describe('a capture', () => {
  const file = [
    writePcapngHeader('tabwire', 0),
    writePcapngPacket(record),
    writePcapngPacket({ ...record, isOutbound: false, comment: 'dropped: tcp_checksum', lost: 7 }),
  ];
  const bytes = Uint8Array.from(file.flatMap((part) => [...part]));

  it('is read as it comes, wherever it is cut', () => {
    for (const size of [1, 3, 28, 1000]) {
      const reader = new PcapngReader();
      const packets: CapturedPacket[] = [];
      for (let at = 0; at < bytes.length; at += size)
        packets.push(...reader.read(bytes.subarray(at, at + size)));
      expect(packets).toHaveLength(2);
      expect(packets[0]).toMatchObject({ isOutbound: true, length: 60, comment: undefined, data: SYN });
      expect(packets[0]!.at).toBeCloseTo(record.at, 3);
      expect(packets[1]).toMatchObject({ isOutbound: false, comment: 'dropped: tcp_checksum', lost: 7 });
      expect(reader.header).toHaveLength(2);
    }
  });

  it('goes into a file as it came', async () => {
    const reader = new PcapngReader();
    const book = new PacketBook();
    for (const packet of reader.read(bytes)) book.add(packet);
    expect(new Uint8Array(await book.file(reader.header).arrayBuffer())).toEqual(bytes);
    expect(book.lost).toBe(7);
  });

  it('that is none is refused', () => {
    expect(() => new PcapngReader().read(new Uint8Array(64))).toThrow('no pcapng');
  });

  it('can be searched by what the rows say', () => {
    const book = new PacketBook();
    for (const packet of new PcapngReader().read(bytes)) book.add(packet);
    expect(book.find('').map(({ number, after }) => [number, after])).toEqual([
      [1, 0],
      [2, 0],
    ]);
    expect(book.find('syn OUT')).toHaveLength(1);
    expect(book.find('checksum in')).toHaveLength(1);
    expect(book.find('udp')).toHaveLength(0);
  });

  it('keeps so many packets and so many bytes, the latest', () => {
    const packet = (size: number) =>
      ({
        at: 0,
        isOutbound: true,
        data: SYN,
        length: 60,
        lost: 0,
        block: new Uint8Array(size),
      }) as CapturedPacket;
    const many = new PacketBook();
    for (let i = 0; i < PACKETS_KEPT + 3; i++) many.add(packet(4));
    many.trim();
    expect(many.kept).toBe(PACKETS_KEPT);
    expect(many.seen).toBe(PACKETS_KEPT + 3);
    expect(many.find('')[0]!.number).toBe(4);
    const large = new PacketBook();
    for (let i = 0; i < 40; i++) large.add(packet(1 << 20));
    large.trim();
    expect(large.kept).toBe(16);
    expect(large.bytes).toBe(BYTES_KEPT);
  });

  it('is stopped at its source', async () => {
    let cancelled = false;
    const stream = new ReadableStream({
      start: (controller) => controller.enqueue(bytes),
      cancel: () => {
        cancelled = true;
      },
    });
    const run = new CaptureRun();
    const tunnel = { capture: () => stream } as unknown as Pick<Tunnel, 'capture'>;
    const done = run.capture(tunnel, '', () => ({ sentence: '', copy: [] }));
    await vi.waitFor(() => expect(run.book.seen).toBe(2));
    run.stop();
    await done;
    expect(cancelled).toBe(true);
    expect(run.file.blob.size).toBe(bytes.length);
  });
});
