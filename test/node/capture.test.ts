// Captures of a tunnel that runs, as tshark reads them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isFound } from '../support/found.ts';
import { tsharkFaults, tsharkFields } from '../support/tshark.ts';
import { openTunnelPair, type TunnelPair } from '../support/tunnel-pair.ts';

const hasTshark = isFound('tshark');

let pair: TunnelPair;
let folder: string;
beforeAll(async () => {
  pair = await openTunnelPair();
  folder = mkdtempSync(join(tmpdir(), 'tabwire-capture-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await pair.close();
});

/** Reads until `isEnough` bytes, or the end, and cancels. */
async function read(
  stream: ReadableStream<Uint8Array>,
  isEnough: (bytes: Buffer) => boolean,
): Promise<Buffer> {
  const reader = stream.getReader();
  let bytes = Buffer.alloc(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes = Buffer.concat([bytes, value]);
    if (isEnough(bytes)) break;
  }
  await reader.cancel();
  return bytes;
}

interface Block {
  type: number;
  body: Buffer;
}

/** Every block's length stands at its beginning and at its end. */
function blocksOf(file: Buffer): Block[] {
  const blocks: Block[] = [];
  for (let at = 0; at < file.length; ) {
    const length = file.readUInt32LE(at + 4);
    expect(length % 4).toBe(0);
    expect(file.readUInt32LE(at + length - 4)).toBe(length);
    blocks.push({ type: file.readUInt32LE(at), body: file.subarray(at + 8, at + length - 4) });
    at += length;
  }
  return blocks;
}

const packetsOf = (file: Buffer) => blocksOf(file).filter(({ type }) => type === 6);

async function ping(count: number, size = 56): Promise<void> {
  for await (const reply of pair.us.ping('10.8.0.2', { count, size, interval: 10 }))
    expect(reply.ok).toBe(true);
}

/** One line for each packet; tshark must find nothing wrong. */
function tshark(bytes: Buffer, ...fields: string[]): string[] {
  expect(tsharkFaults(folder, bytes)).toEqual([]);
  return tsharkFields(folder, bytes, fields);
}

describe('a capture', () => {
  it('has what goes in and what comes out, with direction, time and length', async ({ skip }) => {
    const before = Date.now();
    const reading = read(pair.us.capture({ filter: 'icmp' }), (bytes) => packetsOf(bytes).length >= 4);
    // One after the other: the second would not wait for the first's answer.
    for (let n = 0; n < 2; n++) await ping(1);
    const file = await reading;
    const packets = packetsOf(file);
    expect(packets).toHaveLength(4);
    const directions = packets.map(({ body }) => body.readUInt32LE(20 + 84 + 4) & 3);
    expect(directions).toEqual([2, 1, 2, 1]);
    for (const { body } of packets) {
      const at = (body.readUInt32LE(4) * 2 ** 32 + body.readUInt32LE(8)) / 1000;
      expect(at).toBeGreaterThan(before - 1000);
      expect(at).toBeLessThan(Date.now() + 1000);
      expect([body.readUInt32LE(12), body.readUInt32LE(16)]).toEqual([84, 84]);
    }
    skip(!hasTshark, 'tshark is not found');
    expect(tshark(file, 'frame.interface_name', 'ip.src', 'ip.dst', 'icmp.type')).toEqual([
      'tabwire\t10.8.0.1\t10.8.0.2\t8',
      'tabwire\t10.8.0.2\t10.8.0.1\t0',
      'tabwire\t10.8.0.1\t10.8.0.2\t8',
      'tabwire\t10.8.0.2\t10.8.0.1\t0',
    ]);
  });

  it('keeps as much of each packet as it is asked to', async () => {
    const reading = read(
      pair.us.capture({ snaplen: 30, filter: 'icmp' }),
      (bytes) => packetsOf(bytes).length >= 2,
    );
    await ping(1, 1000);
    const [{ body }] = packetsOf(await reading) as [Block];
    expect([body.readUInt32LE(12), body.readUInt32LE(16)]).toEqual([30, 1028]);
  });

  it('says of what our stack dropped why', async ({ skip }) => {
    const { us, them, close } = await openTunnelPair();
    // They know us by an address that we have no longer.
    await us.configure(`[Interface]
Address = 10.8.0.9/24
[Peer]
PublicKey = ${(await them.status()).publicKey}
AllowedIPs = 10.8.0.0/24`);
    const reading = read(us.capture({ filter: 'icmp' }), (bytes) => packetsOf(bytes).length >= 1);
    for await (const reply of them.ping('10.8.0.1', { count: 1, timeout: 500 })) expect(reply.ok).toBe(false);
    const file = await reading;
    expect(file.includes('dropped: ip-destination')).toBe(true);
    await close();
    skip(!hasTshark, 'tshark is not found');
    expect(tshark(file, 'frame.comment')).toEqual(['dropped: ip-destination']);
  });

  it('a reader that is slow loses packets, and is told how many', async () => {
    const stream = pair.us.capture();
    const reader = stream.getReader();
    await reader.read();
    const { readable } = await new pair.them.TCPServerSocket('::', { localPort: 7100 }).opened;
    const accepting = readable.getReader().read();
    const { writable } = await new pair.us.TCPSocket('10.8.0.2', 7100).opened;
    const sink = (await (await accepting).value!.opened).readable.pipeTo(new WritableStream());
    const writer = writable.getWriter();
    for (let i = 0; i < 96; i++) await writer.write(new Uint8Array(64 * 1024));
    await writer.close();
    await sink;
    const first = (await reader.read()).value!;
    expect(first.length).toBeLessThan(5 << 20);
    await ping(1);
    const file = Buffer.from((await reader.read()).value!);
    await reader.cancel();
    // Behind the flags and before the end of the options: code 4, and 8 bytes.
    const [{ body }] = packetsOf(file) as [Block];
    const options = 20 + Math.ceil(body.readUInt32LE(12) / 4) * 4 + 8;
    expect([body.readUInt16LE(options), body.readUInt16LE(options + 2)]).toEqual([4, 8]);
    expect(body.readUInt32LE(options + 4)).toBeGreaterThan(500);
  });

  it('a filter that is none is a TypeError; one too many is refused', async () => {
    await expect(pair.us.capture({ filter: 'nonsense' }).getReader().read()).rejects.toThrow(TypeError);
    // Those of the tests before have gone when this is answered.
    await ping(1);
    const eight = Array.from({ length: 8 }, () => pair.us.capture().getReader());
    for (const reader of eight) await reader.read();
    await expect(pair.us.capture().getReader().read()).rejects.toMatchObject({ code: 'ERR_LIMIT' });
    for (const reader of eight) await reader.cancel();
  });

  it('ends with the tunnel, whole', async () => {
    const other = await openTunnelPair();
    const reading = read(other.us.capture(), () => false);
    for await (const reply of other.us.ping('10.8.0.2', { count: 1 })) expect(reply.ok).toBe(true);
    await other.close();
    expect(packetsOf(await reading).length).toBeGreaterThanOrEqual(2);
  });
});
