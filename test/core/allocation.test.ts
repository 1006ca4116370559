// The whole way of a packet, twice: IP stack, WireGuard, cipher, and back up at the other end.
import { expect, it } from 'vitest';
import { IpAddress, IpPrefix } from '../../src/core/address.ts';
import { clamp, RawIdentity } from '../../src/core/crypto/identity.ts';
import { WasmSuite } from '../../src/core/crypto/wasm-suite.ts';
import type { TcpConnection } from '../../src/core/netstack/tcp/connection.ts';
import { PacketBuffer } from '../../src/core/packet-buffer.ts';
import { TunnelCore } from '../../src/core/tunnel.ts';
import { loadAssembly } from '../../src/node/assembly.ts';
import { SeededRandom } from '../support/random.ts';

const SLOTS = 512;
const SLOT = 2048;
/** Whole pages need no view of a part. */
const PIECE = new Uint8Array(4096);
/** What both may have on its way at a time, so that a turn is some forty packets. */
const WINDOW = 64 << 10;

/** An engine whose datagrams wait in slots made once. */
class End {
  readonly core: TunnelCore;
  readonly publicKey: Uint8Array;
  readonly endpoint: { host: string; port: number };
  connection: TcpConnection | undefined;
  packets = 0;
  readonly #arriving: PacketBuffer;
  readonly #slots = new DataView(new ArrayBuffer(SLOTS * SLOT));
  readonly #lengths = new Int32Array(SLOTS);
  #count = 0;

  constructor(suite: WasmSuite, host: number) {
    const random = new SeededRandom(host);
    const { memory } = suite;
    const privateKey = clamp(random.bytes(32));
    this.publicKey = suite.publicKey(privateKey);
    this.endpoint = { host: `192.0.2.${host}`, port: 51820 };
    this.#arriving = new PacketBuffer(memory, memory.ingress);
    this.core = new TunnelCore(
      {
        identity: new RawIdentity(privateKey, suite),
        addresses: [IpPrefix.parse(`10.0.0.${host}/24`)!],
        mtu: 1420,
      },
      { crypto: suite, memory, fillRandom: random.fill, wallClock: () => 1.8e12 },
      { sendDatagram: (datagram) => this.#keep(datagram), notify: () => {}, congested: false },
    );
  }

  meet({ publicKey, endpoint }: End, isKnown: boolean): void {
    const allowedIps = [IpPrefix.parse('10.0.0.0/24')!];
    const where = isKnown ? endpoint : undefined;
    this.core.device.addPeer({ publicKey, endpoint: where, allowedIps, persistentKeepalive: 25 }, 0);
    this.core.device.up(1000);
  }

  /** The program: reads and writes whatever it can. */
  use(): void {
    const { connection } = this;
    if (!connection) return;
    while (connection.readableBytes >= PIECE.length) connection.readInto(PIECE);
    while (connection.writableBytes >= PIECE.length) connection.write(PIECE);
  }

  deliverTo(other: End, now: number): void {
    for (let slot = 0; slot < this.#count; slot++) {
      const arriving = other.#arriving;
      arriving.reset(4);
      const length = this.#lengths[slot]!;
      copy(this.#slots, slot * SLOT, arriving.view, arriving.append(length), length);
      other.core.receiveDatagram(arriving, this.endpoint, now);
    }
    this.#count = 0;
    other.use();
    other.core.poll(now);
  }

  #keep({ view, start, length }: PacketBuffer): void {
    this.packets++;
    this.#lengths[this.#count] = length;
    copy(view, start, this.#slots, this.#count++ * SLOT, length);
  }
}

/** `set` would need a view. */
function copy(from: DataView, at: number, to: DataView, target: number, length: number): void {
  for (let i = 0; i < length; i++) to.setUint8(target + i, from.getUint8(at + i));
}

it('two engines that talk make no object for a packet', async () => {
  const a = new End(new WasmSuite(await loadAssembly()), 1);
  const b = new End(new WasmSuite(await loadAssembly()), 2);
  b.meet(a, false);
  a.meet(b, true);
  const options = { receiveBufferSize: WINDOW, sendBufferSize: WINDOW };
  const listener = b.core.stack.listenTcp({ port: 80, ...options }, 1000);
  // This turn's instant and the next one's, as the objects that they are: one for each turn.
  const instants: (number | undefined)[] = [undefined, 1000.3];
  let turns = 0;
  const turn = () => {
    const now = instants[++turns & 1]!;
    instants[(turns + 1) & 1] = now + 0.7;
    a.use();
    a.core.poll(now);
    a.deliverTo(b, now);
    b.deliverTo(a, now);
  };
  for (let i = 0; i < 4; i++) turn();
  const remote = { address: IpAddress.parse('10.0.0.2')!, port: 80 };
  a.connection = a.core.stack.connectTcp(remote, options, instants[turns & 1]!);
  while (!b.connection) {
    turn();
    b.connection = listener.accept();
  }
  const run = (packets: number) => {
    for (const until = a.packets + b.packets + packets; a.packets + b.packets < until; ) turn();
  };
  // Until the engine has compiled it.
  run(60_000);
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 20 && least >= 6; round++) {
    const used = process.memoryUsage().heapUsed;
    run(10_000);
    const made = process.memoryUsage().heapUsed - used;
    // Negative: a collection came in between.
    if (made > 0) least = Math.min(least, made / 10_000);
  }
  // The smallest object is 12 bytes. The instants are counted in: one for forty packets or so.
  expect(least).toBeLessThan(6);
});
