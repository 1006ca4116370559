// Whole handshakes, both sides: initiation, response, and the transport keys of both.
import { x25519 } from '@noble/curves/ed25519.js';
import type { CryptoSuite, Curve } from '../../../src/core/crypto/suite.ts';
import { WasmSuite } from '../../../src/core/crypto/wasm-suite.ts';
import {
  type Acquaintance,
  consumeResponse,
  createInitiation,
  createResponse,
  openStatic,
  openTimestamp,
} from '../../../src/core/wireguard/handshake.ts';
import { NobleSuite } from '../../reference/noble-suite.ts';
import type { Runtime } from '../hosts/runtime.ts';
import type { Contender, MaybePromise } from '../race.ts';
import type { Contests } from './catalog.ts';
import { loadSodium, type Sodium } from './sodium.ts';

const INITIATOR = new Uint8Array(32).fill(1);
const RESPONDER = new Uint8Array(32).fill(2);
const EPHEMERAL = new Uint8Array(32).fill(3);
const THEIR_EPHEMERAL = new Uint8Array(32).fill(4);
const TIMESTAMP = new Uint8Array(12).fill(5);

/** The DH with a static key, which may be out of reach. */
type StaticDh = (publicKey: Uint8Array) => MaybePromise<Uint8Array>;

interface Party {
  readonly known: Acquaintance;
  readonly dh: StaticDh;
}

export async function handshake(runtime: Runtime): Promise<Contests> {
  const { curve } = runtime;
  const tabwire = new WasmSuite(await runtime.loadAssembly(), curve ? { curve } : {});
  const ours = curve ? undefined : await webCryptoDhs();
  const sodium = new WasmSuite(await runtime.loadAssembly(), { curve: sodiumCurve(await loadSodium()) });
  return {
    'whole handshakes': () => ({
      unit: 'op/s',
      amount: 1,
      contenders: {
        // As the engine does it: in a page, static keys live in WebCrypto.
        tabwire: contenderOf(tabwire, ours),
        'with libsodium’s curve': contenderOf(sodium),
        'with noble alone': contenderOf(new NobleSuite()),
      },
    }),
  };
}

function contenderOf(crypto: CryptoSuite, dhs?: readonly [StaticDh, StaticDh]): Contender {
  const initiator = partyOf(crypto, INITIATOR, RESPONDER, dhs?.[0]);
  const responder = partyOf(crypto, RESPONDER, INITIATOR, dhs?.[1]);
  const isWaitedFor = dhs !== undefined;
  return {
    answer: () => shakeHands(crypto, initiator, responder),
    run: async (times) => {
      for (let i = 0; i < times; i++) {
        const keys = shakeHands(crypto, initiator, responder);
        if (isWaitedFor) await keys;
      }
    },
  };
}

function partyOf(crypto: CryptoSuite, own: Uint8Array, other: Uint8Array, dh?: StaticDh): Party {
  const peerPublicKey = x25519.getPublicKey(other);
  return {
    known: {
      ourPublicKey: x25519.getPublicKey(own),
      peerPublicKey,
      staticStatic: x25519.getSharedSecret(own, peerPublicKey),
      presharedKey: new Uint8Array(32),
    },
    dh: dh ?? ((publicKey) => crypto.dh(own, publicKey)!),
  };
}

/** Both sides' keys, one after the other. A promise only where a DH is one. */
function shakeHands(crypto: CryptoSuite, initiator: Party, responder: Party): MaybePromise<Uint8Array> {
  const { message, sent } = createInitiation(crypto, initiator.known, EPHEMERAL.slice(), 1, TIMESTAMP)!;
  return after(responder.dh(message.subarray(8, 40)), (es) => {
    const opened = openStatic(crypto, responder.known.ourPublicKey, message, es)!;
    const stamped = openTimestamp(opened.symmetric, message, responder.known.staticStatic)!;
    const answer = createResponse(crypto, responder.known, stamped.received, THEIR_EPHEMERAL.slice(), 2)!;
    return after(initiator.dh(answer.message.subarray(12, 44)), (se) => {
      const keys = consumeResponse(crypto, initiator.known, sent, answer.message, se);
      if (typeof keys === 'string') throw new Error(keys);
      return Uint8Array.of(...keys.send, ...keys.receive, ...answer.keys.receive, ...answer.keys.send);
    });
  });
}

function after<A, B>(value: MaybePromise<A>, next: (value: A) => MaybePromise<B>): MaybePromise<B> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** Of both static keys. */
async function webCryptoDhs(): Promise<readonly [StaticDh, StaticDh]> {
  return [await webCryptoDh(INITIATOR), await webCryptoDh(RESPONDER)];
}

async function webCryptoDh(privateKey: Uint8Array): Promise<StaticDh> {
  const { subtle } = globalThis.crypto;
  const name = 'X25519';
  // RFC 8410 §7.
  const header = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20];
  const pkcs8 = Uint8Array.of(...header, ...privateKey);
  const key = await subtle.importKey('pkcs8', pkcs8, { name }, false, ['deriveBits']);
  return async (publicKey) => {
    const raw = publicKey as Uint8Array<ArrayBuffer>;
    const theirs = await subtle.importKey('raw', raw, { name }, false, []);
    return new Uint8Array(await subtle.deriveBits({ name, public: theirs }, key, 256));
  };
}

function sodiumCurve(sodium: Sodium): Curve {
  return {
    dh: (privateKey, publicKey) => sodium.crypto_scalarmult(privateKey, publicKey),
    publicKey: (privateKey) => sodium.crypto_scalarmult_base(privateKey),
  };
}
