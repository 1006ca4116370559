// The whole procedure of the handshake vectors with two devices: what they say to each other is the vectors' bytes, with
// the slow twin and with the WASM that is shipped.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { WasmSuite } from '../../../src/core/crypto/wasm-suite.ts';
import type { Endpoint } from '../../../src/core/endpoint.ts';
import { plainMemory } from '../../../src/core/packet-buffer.ts';
import { IndexTable } from '../../../src/core/wireguard/index-table.ts';
import type { Keypair } from '../../../src/core/wireguard/keypair.ts';
import { TimestampClock } from '../../../src/core/wireguard/tai64n.ts';
import { loadAssembly } from '../../../src/node/assembly.ts';
import { NobleSuite } from '../../reference/noble-suite.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { fromHex, toHex } from '../../support/hex.ts';
import { SeededRandom } from '../../support/random.ts';
import { readVectors } from '../../support/vectors.ts';
import type { HandshakeCase, HandshakeVectors } from './handshake-vectors.ts';
import { Opponent } from './opponent.ts';
import { Station, type Suite } from './station.ts';

const { cases, cookie_cases } = readVectors<HandshakeVectors>('handshake.json');
const LIMIT = 2n ** 64n - 2n ** 13n - 1n;

const SUITES: [string, () => Promise<Suite>][] = [
  ['with @noble', async () => new NobleSuite(plainMemory(1 << 19))],
  ['with WASM', async () => new WasmSuite(await loadAssembly())],
];

const endpoints = {
  initiator: { host: '192.0.2.33', port: 51820 },
  responder: { host: '192.0.2.44', port: 51820 },
};

/** A device with a vector's static key, and everything of it that a test wants to see. */
class VectorStation extends Station {
  /** Keys that were imported, in order. */
  readonly keys: string[] = [];

  constructor(clock: FakeClock, suite: Suite, privateKey: string, mtu: number) {
    super(clock, { crypto: suite, privateKey: fromHex(privateKey), mtu });
    const importKey = this.crypto.importKey;
    this.crypto.importKey = (key) => {
      this.keys.push(toHex(key));
      return importKey(key);
    };
  }

  /** What the next ephemeral key and index will be. */
  inject(ephemeral: string, index: number): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, index);
    this.draws.push(fromHex(ephemeral), bytes);
  }

  takeOne(): string {
    const sent = this.takeSent();
    expect(sent).toHaveLength(1);
    return toHex(sent[0]!.bytes);
  }
}

async function setUp(makeSuite: () => Promise<Suite>, { input }: HandshakeCase) {
  const clock = new FakeClock();
  const a = new VectorStation(clock, await makeSuite(), input.initiator_static_private, input.mtu);
  const b = new VectorStation(clock, await makeSuite(), input.responder_static_private, input.mtu);
  const presharedKey = fromHex(input.preshared_key);
  const timestamps = [input.timestamp_tai64n];
  vi.spyOn(TimestampClock.prototype, 'next').mockImplementation(() => fromHex(timestamps.shift()!));
  const assign = vi.spyOn(IndexTable.prototype, 'assign');
  a.device.up(clock.now);
  b.device.up(clock.now);
  b.addPeer(a.publicKey, { presharedKey, routes: '0.0.0.0/0 ::/0' });
  /** a calls b. */
  const call = () => {
    a.inject(input.initiator_ephemeral_private, input.initiator_sender_index);
    a.addPeer(b.publicKey, { presharedKey, routes: '0.0.0.0/0 ::/0', endpoint: endpoints.responder });
    return a.takeOne();
  };
  /** The newest keypair of each: b's is made first. */
  const keypairs = () => {
    const [ofB, ofA] = assign.mock.calls.slice(-2).map(([, keypair]) => keypair);
    return { ofA: ofA!, ofB: ofB! };
  };
  return { clock, a, b, call, keypairs, timestamps };
}

function setCounter(keypair: Keypair, counter: bigint): void {
  keypair.counterLow = Number(counter & 0xffff_ffffn);
  keypair.counterHigh = Number(counter >> 32n);
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe.each(SUITES)('%s', (_suite, makeSuite) => {
  it.each(cases.map((one) => [one.name, one] as const))(
    'two devices say what vector "%s" says',
    async (_name, vector) => {
      const { input, initiation, response, transport } = vector;
      const { a, b, call, keypairs } = await setUp(makeSuite, vector);
      expect(toHex(a.publicKey)).toBe(vector.public.initiator_static);
      expect(toHex(b.publicKey)).toBe(vector.public.responder_static);
      expect(call()).toBe(initiation.message);

      b.inject(input.responder_ephemeral_private, input.responder_sender_index);
      b.receive(fromHex(initiation.message), endpoints.initiator);
      expect(b.takeOne()).toBe(response.message);
      const { key_initiator_to_responder: i2r, key_responder_to_initiator: r2i } = transport;
      expect(b.keys).toEqual([r2i, i2r]);

      a.receive(fromHex(response.message), endpoints.responder);
      expect(a.keys).toEqual([i2r, r2i]);
      const { ofA, ofB } = keypairs();

      // The first transport message of the vector is the confirmation, which has left by itself.
      const confirmation = a.takeOne();
      expect(confirmation).toBe(transport.messages[0]!.message);
      b.receive(fromHex(confirmation), endpoints.initiator);
      expect(b.count('handshake')).toBe(1);

      for (const { direction, counter, packet, message, what } of transport.messages.slice(1)) {
        const [from, to, keypair] = direction === 'i2r' ? [a, b, ofA] : [b, a, ofB];
        const where = direction === 'i2r' ? endpoints.initiator : endpoints.responder;
        const plaintext = fromHex(packet);
        setCounter(keypair, BigInt(counter));
        if (BigInt(counter) >= LIMIT) {
          // It is not sent, and not accepted from one who does.
          expect(from.send(plaintext), what).toBe('staged');
          to.receive(fromHex(message), where);
          expect(to.drops(), what).toEqual({ counter_limit: 1 });
          expect(to.delivered, what).toEqual([]);
          continue;
        }
        if (plaintext.length > 0) expect(from.send(plaintext), what).toBe('sent');
        else [...from.device.peers][0]!.sendKeepalive(from.clock.now);
        expect(toHex(from.takeSent()[0]!.bytes), what).toBe(message);
        to.receive(fromHex(message), where);
        expect(to.delivered.splice(0).map(toHex), what).toEqual(plaintext.length > 0 ? [packet] : []);
        expect(to.drops(), what).toEqual({});
      }
    },
  );

  it.each(cookie_cases.map((one) => [one.name, one] as const))(
    'a device under load refuses as vector "%s" does, and the other comes again with the right mac2',
    async (_name, vector) => {
      const base = cases.find(({ name }) => name === vector.based_on_case)!;
      const { input } = vector;
      const { a, b, call, timestamps } = await setUp(makeSuite, base);
      const from: Endpoint = { host: input.source_ip, port: input.source_port };
      // The secret is made with the first reply, which somebody else gets.
      b.draws.push(fromHex(input.cookie_secret));
      flood(b);
      b.draws.push(fromHex(input.nonce));
      b.receive(fromHex(call()), from);
      expect(b.takeOne()).toBe(vector.cookie_reply);

      a.receive(fromHex(vector.cookie_reply), endpoints.responder);
      expect(a.takeSent()).toEqual([]);
      timestamps.push(input.retry_timestamp_tai64n);
      a.inject(input.retry_ephemeral_private, input.retry_sender_index);
      a.run(5000);
      expect(a.takeOne()).toBe(vector.retry_initiation);
      flood(b);
      b.receive(fromHex(vector.retry_initiation), from);
      expect(b.takeSent().map(({ bytes }) => bytes[0])).toEqual([2]);
    },
  );
});

/** More than a hundred handshake messages with a right mac1, whose rest is random. */
function flood(station: Station): void {
  const stranger = new Opponent(station.publicKey, 13);
  const random = new SeededRandom(5);
  for (let n = 0; n < 101; n++) {
    const message = random.bytes(148);
    message.set([1, 0, 0, 0]);
    station.receive(stranger.stamp(message), { host: '198.51.100.66', port: 666 });
  }
  station.run(300);
  station.takeSent();
}
