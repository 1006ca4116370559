import { TunnelError } from '../core/errors.ts';
import { decodeKey } from '../core/wireguard/keys.ts';

const NO_KEY = 'A public key must be 44 base64 characters (32 bytes).';

/** A promise that can be settled from outside and never counts as unhandled. */
class Waiting {
  readonly promise: Promise<undefined>;
  resolve!: (value: undefined) => void;
  reject!: (reason: unknown) => void;
  isRejected = false;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = (reason) => {
        this.isRejected = true;
        reject(reason);
      };
    });
    this.promise.catch(() => {});
  }
}

/** Which peers have had a handshake, and who waits for one. */
export class Readiness {
  readonly #ready = new Set<string>();
  readonly #peers = new Map<string, Waiting>();
  #any = new Waiting();
  #end: TunnelError | undefined;
  #isAsked = false;
  /** What was wrong when nobody had asked yet: a refusal may be quicker than whoever asks. Silence is none. */
  #early: TunnelError | undefined;

  get any(): Promise<undefined> {
    if (this.#any.isRejected && !this.#end) this.#any = new Waiting();
    const early = this.#ask();
    if (early) this.#any.reject(early);
    return this.#any.promise;
  }

  of(peer: string, signal?: AbortSignal): Promise<undefined> {
    if (this.#ready.has(peer)) return Promise.resolve(undefined);
    if (this.#end) return Promise.reject(this.#end);
    if (!decodeKey(peer)) return Promise.reject(new TunnelError('ERR_CONFIG', NO_KEY));
    const early = this.#ask();
    if (early && concerns(early, peer)) return Promise.reject(early);
    let waiting = this.#peers.get(peer);
    if (!waiting) this.#peers.set(peer, (waiting = new Waiting()));
    const { promise } = waiting;
    if (!signal) return promise;
    const abortable = new Promise<undefined>((resolve, reject) => {
      const stop = () => reject(signal.reason);
      if (signal.aborted) return stop();
      signal.addEventListener('abort', stop, { once: true });
      promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
    });
    abortable.catch(() => {});
    return abortable;
  }

  /** The first to ask is told of it. */
  #ask(): TunnelError | undefined {
    const early = this.#early;
    this.#early = undefined;
    this.#isAsked = true;
    return early;
  }

  handshake(peer: string): void {
    this.#ready.add(peer);
    this.#early = undefined;
    // Whoever was told of a failure reads `ready` again and finds it settled.
    if (this.#any.isRejected) this.#any = new Waiting();
    this.#any.resolve(undefined);
    this.#peers.get(peer)?.resolve(undefined);
    this.#peers.delete(peer);
  }

  /** The peer is no longer configured: who waits for it waits in vain, and if it comes back it must be ready anew. */
  removed(peer: string): void {
    this.#ready.delete(peer);
    const error = new TunnelError('ERR_CONFIG', 'The peer was removed from the configuration.', { peer });
    this.#peers.get(peer)?.reject(error);
    this.#peers.delete(peer);
  }

  /** Something is wrong; where it concerns one peer, only its waiters and, while nobody is ready, `any` learn of it. */
  failed(error: TunnelError): void {
    if (!this.#isAsked && error.leg !== 'peer') this.#early = error;
    if (this.#ready.size === 0) this.#any.reject(error);
    for (const [peer, waiting] of this.#peers) {
      if (!concerns(error, peer)) continue;
      waiting.reject(error);
      this.#peers.delete(peer);
    }
  }

  /** There is a relay again: what was wrong with it before is nobody's concern any more. */
  reachesRelay(): void {
    if (this.#early?.leg === 'relay') this.#early = undefined;
  }

  ended(error: TunnelError): void {
    this.#end = error;
    this.#any.reject(error);
    for (const waiting of this.#peers.values()) waiting.reject(error);
    this.#peers.clear();
  }
}

function concerns(error: TunnelError, peer: string): boolean {
  return error.peer === undefined || error.peer === peer;
}
