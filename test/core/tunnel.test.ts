// Two whole engines, WireGuard and IP stack, with the shipped WASM crypto, through an impaired link in memory. Time is a
// fake clock's, so two minutes with a rekey in them take a second.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { IpAddress, IpPrefix } from '../../src/core/address.ts';
import { clamp, RawIdentity } from '../../src/core/crypto/identity.ts';
import { WasmSuite } from '../../src/core/crypto/wasm-suite.ts';
import type { TcpConnection } from '../../src/core/netstack/tcp/connection.ts';
import { PacketBuffer } from '../../src/core/packet-buffer.ts';
import { type Instant, MINUTE, NEVER, type Pollable, SECOND } from '../../src/core/time.ts';
import { TunnelCore } from '../../src/core/tunnel.ts';
import type { DeviceEvent } from '../../src/core/wireguard/device.ts';
import { loadAssembly } from '../../src/node/assembly.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { SeededRandom } from '../support/random.ts';
import { type Impairments, VirtualLink } from '../support/virtual-link.ts';

/** One engine at one end of the link. */
class Station implements Pollable {
  readonly core: TunnelCore;
  readonly publicKey: Uint8Array;
  readonly endpoint: { host: string; port: number };
  readonly events: DeviceEvent[] = [];
  remote!: Station;
  readonly #clock: FakeClock;
  readonly #window: PacketBuffer;

  private constructor(
    suite: WasmSuite,
    clock: FakeClock,
    link: VirtualLink,
    random: SeededRandom,
    host: number,
  ) {
    const privateKey = clamp(random.bytes(32));
    this.publicKey = suite.publicKey(privateKey);
    this.endpoint = { host: `192.0.2.${host}`, port: 51820 };
    this.#clock = clock;
    this.#window = new PacketBuffer(suite.memory, suite.memory.ingress);
    const environment = {
      crypto: suite,
      memory: suite.memory,
      fillRandom: random.fill,
      wallClock: clock.wallClock,
    };
    this.core = new TunnelCore(
      {
        identity: new RawIdentity(privateKey, suite),
        addresses: [IpPrefix.parse(`10.0.0.${host}/24`)!, IpPrefix.parse(`fd00::${host}/64`)!],
        mtu: 1420,
      },
      environment,
      {
        sendDatagram: ({ memory, start, end }) =>
          link.send(
            memory.slice(start, end),
            (bytes) => this.remote.receive(bytes, this.endpoint),
            clock.now,
          ),
        notify: (event) => this.events.push(event),
        congested: false,
      },
    );
  }

  static async pair(clock: FakeClock, link: VirtualLink, random: SeededRandom): Promise<[Station, Station]> {
    const [a, b] = await Promise.all(
      [1, 2].map(async (host) => new Station(new WasmSuite(await loadAssembly()), clock, link, random, host)),
    );
    a!.remote = b!;
    b!.remote = a!;
    a!.#meet(b!, b!.endpoint);
    b!.#meet(a!, undefined);
    return [a!, b!];
  }

  receive(bytes: Uint8Array, from: { host: string; port: number }): void {
    this.#window.copyFrom(bytes);
    this.core.receiveDatagram(this.#window, from, this.#clock.now);
  }

  pollAt(): Instant {
    return this.core.pollAt();
  }

  poll(now: Instant): void {
    this.core.poll(now);
  }

  #meet(other: Station, endpoint: { host: string; port: number } | undefined): void {
    const host = other.endpoint.host.split('.')[3];
    this.core.device.addPeer(
      {
        publicKey: other.publicKey,
        ...(endpoint && { endpoint }),
        allowedIps: [IpPrefix.parse(`10.0.0.${host}/32`)!, IpPrefix.parse(`fd00::${host}/128`)!],
        persistentKeepalive: 0,
      },
      this.#clock.now,
    );
    this.core.device.up(this.#clock.now);
  }
}

/** Writes `total` pseudo-random bytes as there is room; reads everything; digests both. */
class Transfer implements Pollable {
  readonly sent = createHash('sha256');
  readonly received = createHash('sha256');
  receivedBytes = 0;
  #left: number;
  readonly #from: TcpConnection;
  readonly #to: () => TcpConnection | undefined;
  readonly #random: SeededRandom;
  readonly #buffer = new Uint8Array(65_536);

  constructor(from: TcpConnection, to: () => TcpConnection | undefined, total: number, random: SeededRandom) {
    this.#from = from;
    this.#to = to;
    this.#left = total;
    this.#random = random;
  }

  get isDone(): boolean {
    return this.#to()?.readEnded ?? false;
  }

  pollAt(): Instant {
    return NEVER;
  }

  poll(): void {
    while (this.#left > 0 && this.#from.writableBytes > 0) {
      const bytes = this.#random.bytes(Math.min(this.#left, this.#from.writableBytes, 10_000));
      this.#from.write(bytes);
      this.sent.update(bytes);
      this.#left -= bytes.length;
    }
    if (this.#left === 0) this.#from.shutdown();
    const to = this.#to();
    for (let count = to?.readInto(this.#buffer) ?? 0; count > 0; count = to!.readInto(this.#buffer)) {
      this.received.update(this.#buffer.subarray(0, count));
      this.receivedBytes += count;
    }
  }
}

async function world(seed: number, impairments: Impairments) {
  const random = new SeededRandom(seed);
  const clock = new FakeClock();
  const link = new VirtualLink(random, impairments);
  const [a, b] = await Station.pair(clock, link, random);
  return { random, clock, link, a, b };
}

/** Runs until the transfer is done, at most for `limit`. */
function run(
  { clock, link, a, b }: Awaited<ReturnType<typeof world>>,
  transfer: Transfer,
  limit: number,
): void {
  const end = clock.now + limit;
  while (clock.now < end && !transfer.isDone) clock.run(5, link, a, b, transfer);
}

const PROFILES: [string, Impairments][] = [
  ['a clean link', { delay: 10 }],
  ['1 % loss', { delay: 20, loss: 0.01 }],
  ['10 % loss each way', { delay: 20, loss: 0.1 }],
  ['reordering', { delay: 5, jitter: 20 }],
  ['everything twice', { delay: 5, duplicate: 1 }],
  ['5 % corrupt, 1 % cut short', { delay: 5, corrupt: 0.05, truncate: 0.01 }],
  ['a bit of everything', { delay: 30, jitter: 15, loss: 0.03, duplicate: 0.03, corrupt: 0.02 }],
];

describe('TCP over WireGuard over a bad network', () => {
  for (const [name, impairments] of PROFILES) {
    it.each([4, 6])(`${name}: a megabyte arrives as it was sent, over IPv%i`, async (version) => {
      const here = await world(17, impairments);
      const { clock, a, b, random } = here;
      const listener = b.core.stack.listenTcp({ port: 80 }, clock.now);
      const address = IpAddress.parse(version === 4 ? '10.0.0.2' : 'fd00::2')!;
      const connection = a.core.stack.connectTcp({ address, port: 80 }, {}, clock.now);
      let accepted: TcpConnection | undefined;
      const transfer = new Transfer(connection, () => (accepted ??= listener.accept()), 1 << 20, random);
      run(here, transfer, 10 * MINUTE);
      expect(transfer.receivedBytes).toBe(1 << 20);
      expect(transfer.received.digest('hex')).toBe(transfer.sent.digest('hex'));
      expect(accepted!.readEnded).toBe(true);
    });
  }

  it('a transfer that lasts four minutes outlives the rekey at two and loses nothing by it', async () => {
    const here = await world(3, { delay: 25 });
    const { clock, a, b, link } = here;
    const listener = b.core.stack.listenTcp({ port: 80 }, clock.now);
    const address = IpAddress.parse('10.0.0.2')!;
    const connection = a.core.stack.connectTcp({ address, port: 80 }, { noDelay: true }, clock.now);
    let accepted: TcpConnection | undefined;
    const received: number[] = [];
    const buffer = new Uint8Array(64);
    for (let second = 0; second < 240; second++) {
      connection.write(Uint8Array.of(second));
      clock.run(SECOND, link, a, b);
      accepted ??= listener.accept();
      const count = accepted?.readInto(buffer) ?? 0;
      received.push(...buffer.subarray(0, count));
    }
    expect(received).toEqual(Array.from({ length: 240 }, (_, second) => second));
    expect(connection.info().retransmits).toBe(0);
    expect(a.events.filter(({ type }) => type === 'handshake').length).toBeGreaterThanOrEqual(2);
    expect(a.core.device.status(clock.now).drops).toEqual({});
  });

  it('a link that is cut for 30 s only pauses a transfer', async () => {
    const here = await world(5, { delay: 10 });
    const { clock, a, b, random, link } = here;
    const listener = b.core.stack.listenTcp({ port: 80 }, clock.now);
    const connection = a.core.stack.connectTcp(
      { address: IpAddress.parse('fd00::2')!, port: 80 },
      {},
      clock.now,
    );
    let accepted: TcpConnection | undefined;
    const transfer = new Transfer(connection, () => (accepted ??= listener.accept()), 4 << 20, random);
    run(here, transfer, 150);
    const before = transfer.receivedBytes;
    link.isCut = true;
    clock.run(30 * SECOND, link, a, b, transfer);
    expect(transfer.receivedBytes).toBe(before);
    link.isCut = false;
    run(here, transfer, 2 * MINUTE);
    expect(transfer.receivedBytes).toBe(4 << 20);
    expect(transfer.received.digest('hex')).toBe(transfer.sent.digest('hex'));
  });

  it('after a link that was cut for 30 s, a transfer goes on with the new session, long before TCP’s timer', async () => {
    const here = await world(5, { delay: 10 });
    const { clock, a, b, random, link } = here;
    const listener = b.core.stack.listenTcp({ port: 80 }, clock.now);
    const remote = { address: IpAddress.parse('fd00::2')!, port: 80 };
    const connection = a.core.stack.connectTcp(remote, {}, clock.now);
    let accepted: TcpConnection | undefined;
    const transfer = new Transfer(connection, () => (accepted ??= listener.accept()), 4 << 20, random);
    run(here, transfer, 150);
    // What arrives from now on is not acknowledged before the link is back.
    const receive = a.core.receiveDatagram.bind(a.core);
    a.core.receiveDatagram = () => {};
    clock.run(15, link, a, b, transfer);
    a.core.receiveDatagram = receive;
    link.isCut = true;
    // TCP’s timer is due 57 s after the cut, and WireGuard calls each 5 s.
    clock.run(30 * SECOND, link, a, b, transfer);
    const before = transfer.receivedBytes;
    link.isCut = false;
    const isHandshake = ({ type }: DeviceEvent) => type === 'handshake';
    const sessions = a.events.filter(isHandshake).length;
    for (let i = 0; i < 600 && a.events.filter(isHandshake).length === sessions; i++)
      clock.run(10, link, a, b, transfer);
    expect(transfer.receivedBytes).toBe(before);
    clock.run(50, link, a, b, transfer);
    expect(transfer.receivedBytes).toBeGreaterThan(before);
    // What had arrived before the cut, and is acknowledged now, took 30 s, and the way does not.
    expect(connection.info().rto).toBeLessThan(SECOND);
  });

  it.each(['reconnected', 'handshakeNeeded'] as const)(
    '%s: keys that are overdue go first, so that the new handshake is not among them',
    async (call) => {
      const { clock, a, b, link } = await world(7, { delay: 1 });
      clock.run(SECOND, link, a, b);
      // Zeroing is due 540 s after the session began, and the timer is late.
      clock.run(9 * MINUTE - 2 * SECOND, link, a, b);
      clock.advance(10 * SECOND);
      a.core.stack.openPing(IpAddress.parse('10.0.0.2')!).send(1, 8, {}, clock.now);
      a.events.length = 0;
      if (call === 'reconnected') a.core.reconnected(clock.now);
      else a.core.handshakeNeeded(b.endpoint, clock.now);
      clock.run(SECOND, link, a, b);
      expect(a.events.map(({ type }) => type)).toEqual(['keys-zeroed', 'handshake-attempt', 'handshake']);
    },
  );

  it('a closed engine has no peers, answers nothing and asks for no more time', async () => {
    const { clock, a, b, link } = await world(6, { delay: 1 });
    const ping = a.core.stack.openPing(IpAddress.parse('10.0.0.2')!);
    ping.send(1, 1000, {}, clock.now);
    clock.run(SECOND, link, a, b);
    const { sent } = link.counts;
    a.core.close();
    expect(a.core.device.status(clock.now).peers).toEqual([]);
    b.core.stack.openPing(IpAddress.parse('10.0.0.1')!).send(1, 8, {}, clock.now);
    clock.run(MINUTE, link, a, b);
    expect(a.pollAt()).toBe(NEVER);
    // b's ping, and its initiations when nothing comes back; nothing from a.
    expect(a.core.device.status(clock.now).drops).toEqual({ device_down: link.counts.sent - sent });
  });
});
