// A TCP connection to a name: to whichever of its addresses answers first (Happy Eyeballs version 2, RFC 8305).
//
//   AAAA?  A?                       both asked at once; the first AAAA answer begins, an A answer waits for it 50 ms
//   6a ──── 250 ms ──── 4a ──── 250 ms ──── 6b …     or at once, when the one before has failed
//   the first that is established wins; of the others nothing more is heard

import type { IpAddress } from '../address.ts';
import { FailedAttempts, TunnelError, type TunnelErrorCode } from '../errors.ts';
import { type Instant, MINUTE, type Millis, NEVER, type Pollable } from '../time.ts';
import { type AddressFamily, AddressLookup } from './address-lookup.ts';
import { interleave, sortDestinations } from './address-selection.ts';
import type { NameNetwork } from './dns/network.ts';
import { quoted } from './dns/resolve-failure.ts';
import type { Resolver } from './dns/resolver.ts';
import type { TcpConnection } from './tcp/connection.ts';
import type { ConnectOptions } from './tcp/state.ts';

/** RFC 8305 §8. */
const RESOLUTION_DELAY: Millis = 50;
const ATTEMPT_DELAY: Millis = 250;
const LEAST_ATTEMPT_DELAY: Millis = 100;
const LONGEST_ATTEMPT_DELAY: Millis = 2000;
/** Connections that are being tried at the same time. */
const MAX_PARALLEL = 8;

const REMEMBERED_FOR: Millis = 10 * MINUTE;
export const MAX_REMEMBERED = 256;

/** The family by which each host was reached last. */
export class FamilyMemory {
  readonly #families = new Map<string, { version: 4 | 6; until: Instant }>();

  get size(): number {
    return this.#families.size;
  }

  get(host: string, now: Instant): 4 | 6 | undefined {
    const entry = this.#families.get(host.toLowerCase());
    return entry && entry.until > now ? entry.version : undefined;
  }

  set(host: string, version: 4 | 6, now: Instant): void {
    const key = host.toLowerCase();
    this.#families.delete(key);
    this.#families.set(key, { version, until: now + REMEMBERED_FOR });
    if (this.#families.size > MAX_REMEMBERED) this.#families.delete(this.#families.keys().next().value!);
  }

  clear(): void {
    this.#families.clear();
  }
}

export interface NamedConnectOptions extends ConnectOptions {
  dnsQueryType?: AddressFamily;
  /** Between attempts, in ms: 250 unless said otherwise, from 100 to 2000. */
  attemptDelay?: Millis;
}

/** Told once that there is a connection or an error. Must only take note. */
export interface RaceObserver {
  settled(): void;
}

interface Failure {
  readonly address: IpAddress;
  readonly error: TunnelError;
}

interface Attempt {
  readonly address: IpAddress;
  readonly connection: TcpConnection;
  isConnected: boolean;
  end: { readonly error: TunnelError | undefined } | undefined;
}

export interface RaceHost {
  readonly resolver: Resolver;
  readonly network: NameNetwork;
  readonly memory: FamilyMemory;
}

export class HappyEyeballs implements Pollable {
  /** The winner, established. Whoever takes it sets its observer. */
  connection: TcpConnection | undefined;
  error: TunnelError | undefined;
  observer: RaceObserver | undefined;
  readonly #host: string;
  readonly #port: number;
  readonly #options: NamedConnectOptions;
  readonly #attemptDelay: Millis;
  readonly #network: NameNetwork;
  readonly #memory: FamilyMemory;
  readonly #lookup: AddressLookup;
  #hasBegun = false;
  /** Where A came first: until when AAAA is waited for. */
  #resolutionDelayEndsAt: Instant = NEVER;
  #nextAttemptAt: Instant = NEVER;
  /** Addresses to be tried yet, in their order; it may change as long as answers come. */
  #queue: IpAddress[] = [];
  readonly #tried = new Set<string>();
  readonly #first: 4 | 6;
  readonly #attempts = new Set<Attempt>();
  readonly #failures: Failure[] = [];
  #isNoted = true;

  constructor(
    host: string,
    port: number,
    options: NamedConnectOptions,
    { resolver, network, memory }: RaceHost,
    now: Instant,
  ) {
    this.#host = host;
    this.#port = port;
    this.#options = options;
    const { attemptDelay = ATTEMPT_DELAY } = options;
    this.#attemptDelay = Math.min(Math.max(attemptDelay, LEAST_ATTEMPT_DELAY), LONGEST_ATTEMPT_DELAY);
    this.#network = network;
    this.#memory = memory;
    this.#first = memory.get(host, now) ?? 6;
    this.#lookup = new AddressLookup(host, options.dnsQueryType, { resolver, network }, this.#note, now);
  }

  get isSettled(): boolean {
    return this.connection !== undefined || this.error !== undefined;
  }

  /** Nobody waits for it any more. Nothing is said to those who have not answered yet. */
  cancel(now: Instant): void {
    this.observer = undefined;
    this.#lookup.cancel(now);
    for (const { connection } of this.#attempts) abandon(connection);
    this.#attempts.clear();
    this.error ??= new TunnelError('ERR_CLOSED', 'The connection was closed before it was open.');
  }

  pollAt(): Instant {
    if (this.isSettled) return NEVER;
    if (this.#isNoted) return 0;
    if (!this.#hasBegun) return this.#resolutionDelayEndsAt;
    return this.#attempts.size < MAX_PARALLEL && this.#queue.length > 0 ? this.#nextAttemptAt : NEVER;
  }

  poll(now: Instant): void {
    if (this.isSettled) return;
    if (this.#isNoted) this.#fillQueue();
    this.#isNoted = false;
    if (!this.#hasBegun && this.#mayBegin(now)) {
      this.#hasBegun = true;
      this.#nextAttemptAt = now;
    }
    this.#lookAtAttempts(now);
    while (!this.isSettled && this.#hasBegun && this.#mayAttempt(now)) this.#attempt(now);
    if (!this.isSettled && this.#isLost()) this.#settle(undefined, this.#lostBecause(), now);
  }

  readonly #note = (): void => {
    this.#isNoted = true;
  };

  /** RFC 8305 §3. */
  #mayBegin(now: Instant): boolean {
    const lookup = this.#lookup;
    if (lookup.addressesOf(6).length > 0) return true;
    if (lookup.addressesOf(4).length === 0) return false;
    if (lookup.isFamilySettled(6)) return true;
    if (this.#resolutionDelayEndsAt === NEVER) this.#resolutionDelayEndsAt = now + RESOLUTION_DELAY;
    return now >= this.#resolutionDelayEndsAt;
  }

  #lookAtAttempts(now: Instant): void {
    for (const attempt of this.#attempts) {
      if (attempt.isConnected && !attempt.end) {
        this.#attempts.delete(attempt);
        this.#settle(attempt, undefined, now);
        return;
      }
      if (!attempt.end) continue;
      this.#attempts.delete(attempt);
      this.#failed(attempt.address, attempt.end.error, now);
    }
  }

  #mayAttempt(now: Instant): boolean {
    return this.#attempts.size < MAX_PARALLEL && now >= this.#nextAttemptAt && this.#queue.length > 0;
  }

  #attempt(now: Instant): void {
    const address = this.#queue.shift()!;
    this.#tried.add(address.toString());
    this.#nextAttemptAt = now + this.#attemptDelay;
    try {
      const connection = this.#network.connectTcp({ address, port: this.#port }, this.#options, now);
      const attempt: Attempt = { address, connection, isConnected: false, end: undefined };
      this.#attempts.add(attempt);
      connection.observer = {
        connected: () => {
          attempt.isConnected = true;
          this.#note();
        },
        closed: (error) => {
          attempt.end = { error };
          this.#note();
        },
        readable: () => {},
        writable: () => {},
      };
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      this.#failed(address, error, now);
    }
  }

  /** The next one's turn is now. */
  #failed(address: IpAddress, error: TunnelError | undefined, now: Instant): void {
    this.#failures.push({
      address,
      error: error ?? new TunnelError('ERR_CLOSED', 'The connection was closed before it was open.'),
    });
    this.#nextAttemptAt = now;
  }

  #fillQueue(): void {
    const sorted = sortDestinations(this.#lookup.addresses, this.#network);
    this.#queue = interleave(sorted, this.#first).filter((address) => !this.#tried.has(address.toString()));
  }

  #isLost(): boolean {
    return this.#lookup.isSettled && this.#attempts.size === 0 && this.#queue.length === 0;
  }

  #lostBecause(): TunnelError {
    if (this.#failures.length === 0) return this.#lookup.error;
    return noConnection(this.#host, this.#port, this.#failures);
  }

  #settle(winner: Attempt | undefined, error: TunnelError | undefined, now: Instant): void {
    for (const { connection } of this.#attempts) abandon(connection);
    this.#attempts.clear();
    this.#queue = [];
    this.#lookup.cancel(now);
    this.connection = winner?.connection;
    this.error = error;
    // Who won without a rival proves nothing.
    if (winner && !this.#options.dnsQueryType) this.#memory.set(this.#host, winner.address.version, now);
    this.observer?.settled();
  }
}

function abandon(connection: TcpConnection): void {
  connection.observer = undefined;
  connection.abort();
}

/** What an error means in a sentence about its address; those that say most come first. */
const REASONS = new Map<TunnelErrorCode, string>([
  ['ERR_CONNECTION_REFUSED', 'refused it'],
  ['ERR_CONNECTION_RESET', 'broke it off'],
  ['ERR_HOST_UNREACHABLE', 'cannot be reached'],
  ['ERR_TIMEOUT', 'did not answer'],
  ['ERR_NO_ROUTE', "is in no peer's AllowedIPs"],
]);
const MOST_REASONS = 8;

function noConnection(host: string, port: number, failures: readonly Failure[]): TunnelError {
  const reasons = failures
    .slice(0, MOST_REASONS)
    .map(({ address, error }) => `${address} ${REASONS.get(error.code) ?? `failed (${error.message})`}`);
  if (failures.length > MOST_REASONS) reasons.push(`and ${failures.length - MOST_REASONS} more`);
  const errors = failures.map(({ error }) => error);
  const code = [...REASONS.keys()].find((known) => errors.some((error) => error.code === known));
  return new TunnelError(
    code ?? errors[0]!.code,
    `No connection to ${quoted(host)} port ${port}: ${reasons.join(', ')}.`,
    {
      leg: 'inside',
      retryable: errors.some(({ retryable }) => retryable),
      cause: new FailedAttempts(failures.map(({ address, error }) => ({ address: `${address}`, error }))),
    },
  );
}
