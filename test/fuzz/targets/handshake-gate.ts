// Under load (WG §5.3): which handshake message passes, which is refused with a cookie, which is one too many. Messages
// from several senders, with all sorts of MACs, against a model that knows the rules and no code of ours.
import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { blake2s } from '@noble/hashes/blake2.js';
import type { Endpoint } from '../../../src/core/endpoint.ts';
import { PacketBuffer, plainMemory } from '../../../src/core/packet-buffer.ts';
import { HandshakeGate } from '../../../src/core/wireguard/handshake-gate.ts';
import type { PeerHost } from '../../../src/core/wireguard/peer-host.ts';
import { NobleSuite } from '../../reference/noble-suite.ts';
import { SeededRandom } from '../../support/random.ts';

export const name = 'handshake-gate';

const crypto = new NobleSuite(plainMemory(1 << 12));
/** Endpoint, and who it is to the limiter. */
const SENDERS: [Endpoint, string][] = [
  [{ host: '192.0.2.1', port: 1 }, 'a'],
  [{ host: '192.0.2.1', port: 0x0102 }, 'a'],
  [{ host: '192.0.2.2', port: 0x0201 }, 'b'],
  [{ host: '2001:db8::1', port: 7 }, 'c'],
  [{ host: '2001:db8::ffff:1', port: 7 }, 'c'],
  [{ host: '2001:db8:0:1::1', port: 7 }, 'd'],
  [{ host: 'vpn.example', port: 7 }, 'e'],
];

export function run(seed: number): void {
  const world = new World(new SeededRandom(seed));
  for (let n = 0; n < 120; n++) world.step();
}

class World {
  readonly #random: SeededRandom;
  readonly #gate: HandshakeGate;
  readonly #mac1Key: Uint8Array;
  readonly #cookieKey: Uint8Array;
  #sent: { bytes: Uint8Array; to: Endpoint }[] = [];
  #now = 1_000_000;
  #waiting = 0;

  // The model.
  readonly #arrivals: number[] = [];
  #highAt = Number.NEGATIVE_INFINITY;
  #secretAt = Number.NEGATIVE_INFINITY;
  #generation = 0;
  /** By sender's number: the cookies it was given. */
  readonly #cookies = new Map<number, { generation: number; cookie: Uint8Array }[]>();
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  constructor(random: SeededRandom) {
    this.#random = random;
    const publicKey = random.bytes(32);
    this.#mac1Key = blake2s(Buffer.concat([Buffer.from('mac1----'), publicKey]));
    this.#cookieKey = blake2s(Buffer.concat([Buffer.from('cookie--'), publicKey]));
    const { memory } = crypto;
    const sink = {
      sendDatagram: ({ memory, start, end }: PacketBuffer, to: Endpoint) =>
        this.#sent.push({ bytes: memory.slice(start, end), to }),
    };
    this.#gate = new HandshakeGate({
      environment: { crypto, memory, fillRandom: random.fill, wallClock: () => 0 },
      identity: { mac1Key: this.#mac1Key, cookieKey: this.#cookieKey },
      scratch: new PacketBuffer(memory, { start: 0, end: 256 }),
      sink,
    } as unknown as PeerHost);
  }

  step(): void {
    const random = this.#random;
    // Whole tokens of the limiter, so that nothing hangs on the last bit of a fraction.
    if (random.below(6) === 0)
      this.#now += [50, 100, 250, 950, 1000, 1050, 119_000, 120_000, 120_050][random.below(9)]!;
    if (random.below(20) === 0) this.#waiting = [0, 127, 128, 1024][random.below(4)]!;
    const burst = random.below(20) === 0 ? 101 : 1;
    for (let n = 0; n < burst; n++) this.#receive();
  }

  #receive(): void {
    const random = this.#random;
    const sender = random.below(SENDERS.length);
    const [from, network] = SENDERS[sender]!;
    const message = random.bytes(random.below(4) === 0 ? 92 : 148);
    const end = message.length;
    const isAddressed = random.below(12) > 0;
    message.set(this.#mac1Of(message), end - 32);
    if (!isAddressed) message[random.below(end - 16)]! ^= 1 << random.below(8);
    // With a cookie of its own or of somebody else, of now or of long ago; or with none.
    const owner = random.below(4) === 0 ? random.below(SENDERS.length) : sender;
    const given = this.#cookies.get(owner) ?? [];
    const cookie = given[given.length - 1 - (random.below(5) === 0 ? random.below(given.length || 1) : 0)];
    const isStamped = cookie !== undefined && random.below(4) > 0;
    if (isStamped)
      message.set(blake2s(message.subarray(0, end - 16), { key: cookie.cookie, dkLen: 16 }), end - 16);

    const wanted = this.#judge(isAddressed, isStamped && owner === sender ? cookie.generation : 0, network);
    strictEqual(this.#gate.check(message, from, this.#waiting, this.#now), wanted);
    const sent = this.#sent.splice(0);
    strictEqual(sent.length, wanted === 'cookie_sent' ? 1 : 0);
    if (sent[0]) this.#takeCookie(sender, message, sent[0]);
  }

  #mac1Of(message: Uint8Array): Uint8Array {
    return blake2s(message.subarray(0, message.length - 32), { key: this.#mac1Key, dkLen: 16 });
  }

  /** `generation`: of the sender's own cookie in mac2, 0 for none. */
  #judge(isAddressed: boolean, generation: number, network: string): string | undefined {
    if (!isAddressed) return 'bad_mac1';
    this.#arrivals.push(this.#now);
    const recent = this.#arrivals.at(-101) ?? Number.NEGATIVE_INFINITY;
    if (this.#waiting >= 128 || this.#now - recent < 1000) this.#highAt = this.#now;
    if (this.#now - this.#highAt >= 1000) return undefined;
    const isFresh = this.#now - this.#secretAt <= 120_000;
    if (isFresh && generation > 0 && generation === this.#generation)
      return this.#takeToken(network) ? undefined : 'ratelimited';
    if (!isFresh) {
      this.#secretAt = this.#now;
      this.#generation++;
    }
    return 'cookie_sent';
  }

  /** Five at once, twenty a second. */
  #takeToken(network: string): boolean {
    const bucket = this.#buckets.get(network) ?? { tokens: 5, at: this.#now };
    bucket.tokens = Math.min(5, bucket.tokens + (this.#now - bucket.at) / 50);
    bucket.at = this.#now;
    this.#buckets.set(network, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }

  #takeCookie(sender: number, message: Uint8Array, { bytes, to }: { bytes: Uint8Array; to: Endpoint }): void {
    strictEqual(to, SENDERS[sender]![0]);
    strictEqual(bytes.length, 64);
    deepStrictEqual([...bytes.subarray(0, 8)], [3, 0, 0, 0, ...message.subarray(4, 8)]);
    const mac1 = message.subarray(message.length - 32, message.length - 16);
    const cookie = xchacha20poly1305(this.#cookieKey, bytes.slice(8, 32), mac1).decrypt(bytes.slice(32));
    const given = this.#cookies.get(sender) ?? [];
    for (const [other, cookies] of this.#cookies)
      for (const old of cookies)
        strictEqual(
          Buffer.compare(old.cookie, cookie) === 0,
          other === sender && old.generation === this.#generation,
          'one cookie for each address and secret',
        );
    ok(given.length < 1000);
    if (given.at(-1)?.generation !== this.#generation) given.push({ generation: this.#generation, cookie });
    this.#cookies.set(sender, given);
  }
}
