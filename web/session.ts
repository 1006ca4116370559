/** The one tunnel of the page: its life, its status read once a second, and what to say about both. */
import { batch, computed, effect, type ReadonlySignal, signal } from '@preact/signals';
import { type TransportStatus, Tunnel, type TunnelConfig, type TunnelStatus } from '../src/index.ts';
import type { AdviceContext } from './advice.ts';
import { type Advice, BLACK_HOLE, type Failure, failureOf, plainAdvice } from './failure.ts';
import { KeyDispute } from './key-dispute.ts';
import { LogBook } from './log/log-book.ts';
import type { Reach } from './reach.ts';
import { type Phase, stateLine } from './state-line.ts';
import { Meter } from './traffic.ts';

/** So many unanswered initiations (5 s apart) are called silence; the engine goes on trying. */
const TRIES_UNTIL_SILENCE = 3;

/** Failures that an open connection to the relay disproves. */
const AWAY_CODES = new Set([
  'ERR_RELAY_UNREACHABLE',
  'ERR_RELAY_LIMIT',
  'ERR_RELAY_AUTH',
  'ERR_RELAY_ORIGIN',
]);

export interface PeerTraffic {
  received: Meter;
  sent: Meter;
}

export class Session {
  readonly phase = signal<Phase>('idle');
  readonly tunnel = signal<Tunnel | undefined>();
  readonly status = signal<TunnelStatus | undefined>();
  readonly relays = signal<string[]>([]);
  readonly #failure = signal<Failure | undefined>();
  /** Why the relay is away; stays through the tries, which have no error of their own, until it is back. */
  readonly #away = signal<Failure | undefined>();
  readonly #dispute = new KeyDispute();
  readonly #relayWasOpen = signal(false);
  /** What was seen of relays that no WebSocket came through to; asked once for each time that they went away. */
  readonly #reach = signal<Reach | undefined>();
  #isReachAsked = false;
  readonly #words = signal<typeof import('./advice.ts') | undefined>();
  /** They did not load: the site may be as far away as the relay. */
  readonly #isSpeechless = signal(false);
  readonly #endpoints = signal<string[]>([]);
  readonly #hasToken = signal(false);
  /** Wall clock of the last reading; everything that shows an age hangs on it. */
  readonly now = signal(Date.now());
  readonly traffic = new Map<string, PeerTraffic>();
  readonly log = new LogBook();
  #timer: ReturnType<typeof setInterval> | undefined;

  readonly line = computed(() =>
    stateLine(
      this.phase.value,
      this.status.value,
      {
        relayWasOpen: this.#relayWasOpen.value,
        failure: (this.#failure.value ?? this.#dispute.failure.value)?.code,
      },
      this.now.value,
    ),
  );

  readonly advice = computed<Advice | undefined>(() => {
    const failure = this.#failure.value ?? this.#visibleFailure();
    return failure && this.#say(failure);
  });

  /** Another device has our key. */
  get dispute(): ReadonlySignal<Failure | undefined> {
    return this.#dispute.failure;
  }

  /** A peer has answered since this tunnel began: there is a network to ask. */
  readonly hasAnswered = computed(
    () => this.status.value?.peers.some((peer) => peer.latestHandshake !== undefined) ?? false,
  );

  /** Another tab has a tunnel with our key, which could be had. */
  readonly isKeyTaken = computed(() => {
    const failure = this.#failure.value;
    return this.phase.value === 'idle' && failure?.code === 'ERR_IN_USE' && failure.leg === undefined;
  });

  /** The relay does not know us, and whoever gives tokens has none for us. */
  readonly needsLogin = computed(
    () => (this.#failure.value ?? this.#visibleFailure())?.code === 'ERR_RELAY_AUTH',
  );

  constructor() {
    const isUnreached = computed(
      () => (this.#failure.value ?? this.#visibleFailure())?.code === 'ERR_RELAY_UNREACHABLE',
    );
    effect(() => {
      if (isUnreached.value) void this.#askReach();
    });
  }

  /** Opens the tunnel; resolves when it has begun, not when a peer answered. Failures are told through `advice`. */
  async connect(
    config: TunnelConfig,
    relays: string[],
    takeOver: boolean,
    token?: () => Promise<string>,
    privateKey?: CryptoKey,
  ): Promise<Tunnel | undefined> {
    this.#begin(config, relays);
    this.#hasToken.value = token !== undefined;
    try {
      const tunnel = await Tunnel.open(config, {
        relay: relays,
        takeOver,
        logger: this.log.write,
        ...(token && { token }),
        ...(privateKey && { privateKey }),
      });
      this.#attach(tunnel);
      return tunnel;
    } catch (error) {
      const failure = failureOf(error);
      this.log.write('error', failure.message, { code: failure.code });
      this.#failure.value = failure;
      this.#end();
      return undefined;
    }
  }

  async disconnect(): Promise<void> {
    const tunnel = this.tunnel.value;
    if (!tunnel) return;
    this.log.write('info', 'Disconnecting');
    this.phase.value = 'closing';
    this.#failure.value = undefined;
    await tunnel.close().catch(() => undefined);
    this.#end();
  }

  /** Says something about the next connection before there is one. */
  refuse(sentence: string): void {
    this.#failure.value = { code: 'ERR_UNKNOWN', message: sentence };
  }

  forgive(): void {
    this.#failure.value = undefined;
  }

  /** What a failure inside the tunnel means, with this tunnel's names in it. */
  async adviseOn(error: unknown, target: string): Promise<Advice> {
    const words = await this.#loadWords();
    const failure = failureOf(error);
    return words?.advise(failure, { ...this.context(), target }) ?? plainAdvice(failure);
  }

  /** Nothing until the words are there; without them what the failure says itself. */
  #say(failure: Failure): Advice | undefined {
    if (failure.code === 'ERR_UNKNOWN' || this.#isSpeechless.value) return plainAdvice(failure);
    if (!this.#words.value) void this.#loadWords();
    return this.#words.value?.advise(failure, this.context());
  }

  async #loadWords(): Promise<typeof import('./advice.ts') | undefined> {
    try {
      this.#words.value ??= await import('./advice.ts');
    } catch {
      this.#isSpeechless.value = true;
    }
    return this.#words.value;
  }

  async #askReach(): Promise<void> {
    const relay = this.relays.value.at(-1);
    if (this.#isReachAsked || relay === undefined) return;
    this.#isReachAsked = true;
    const { reachOf } = await import('./reach.ts');
    this.#reach.value = await reachOf(relay);
  }

  #forgetReach(): void {
    this.#isReachAsked = false;
    this.#reach.value = undefined;
  }

  #begin(config: TunnelConfig, relays: string[]): void {
    this.#failure.value = undefined;
    this.#away.value = undefined;
    this.#relayWasOpen.value = false;
    this.#forgetReach();
    this.#endpoints.value = config.peers.flatMap((peer) => peer.endpoint ?? []);
    this.relays.value = relays;
    this.log.write('info', 'Connecting', { relays: relays.join(' ') });
    this.traffic.clear();
    this.status.value = undefined;
    this.phase.value = 'opening';
  }

  #attach(tunnel: Tunnel): void {
    this.tunnel.value = tunnel;
    this.phase.value = 'open';
    const refresh = () => void this.#read(tunnel);
    tunnel.addEventListener('handshake', () => {
      this.#failure.value = undefined;
      refresh();
    });
    tunnel.addEventListener('peer', refresh);
    tunnel.addEventListener('transport', refresh);
    tunnel.addEventListener('error', ({ detail }) => this.#fail(tunnel, detail.error));
    tunnel.addEventListener('close', () => {
      if (this.tunnel.value === tunnel) this.#end();
    });
    tunnel.ready.catch((error: unknown) => this.#fail(tunnel, error));
    this.#timer = setInterval(refresh, 1000);
    refresh();
  }

  #fail(tunnel: Tunnel, error: unknown): void {
    if (this.tunnel.value !== tunnel || this.phase.value !== 'open') return;
    const failure = failureOf(error);
    if (failure.code === 'ERR_IN_USE' && failure.leg === 'peer') this.#dispute.begin(failure);
    else this.#failure.value = failure;
  }

  async #read(tunnel: Tunnel): Promise<void> {
    const status = await tunnel.status().catch(() => undefined);
    if (!status || this.tunnel.value !== tunnel) return;
    for (const peer of status.peers) {
      let traffic = this.traffic.get(peer.publicKey);
      if (!traffic)
        this.traffic.set(peer.publicKey, (traffic = { received: new Meter(), sent: new Meter() }));
      traffic.received.read(peer.transferRx, performance.now());
      traffic.sent.read(peer.transferTx, performance.now());
    }
    batch(() => {
      this.#follow(status.transport);
      this.now.value = Date.now();
      this.#dispute.read(status.peers, this.now.value);
      this.status.value = status;
    });
  }

  #follow({ state, error }: TransportStatus): void {
    if (state !== 'open') {
      this.#away.value = error ?? this.#away.value;
      return;
    }
    this.#relayWasOpen.value = true;
    this.#away.value = undefined;
    this.#forgetReach();
    // What kept us from the relay is over, and so is what was said about it.
    if (AWAY_CODES.has(this.#failure.value?.code ?? '')) this.#failure.value = undefined;
  }

  #end(): void {
    clearInterval(this.#timer);
    this.tunnel.value = undefined;
    this.status.value = undefined;
    this.#dispute.end();
    this.phase.value = 'idle';
  }

  /** Failures that stand in the status for as long as they last. */
  #visibleFailure(): Failure | undefined {
    const status = this.status.value;
    if (this.phase.value !== 'open' || !status) return undefined;
    if (status.transport.state !== 'open') return this.#away.value;
    const [problem] = status.transport.problems;
    if (problem) return problem.error;
    const silent = status.peers.every(
      (peer) => !peer.latestHandshake && peer.handshakeAttempts >= TRIES_UNTIL_SILENCE,
    );
    if (silent && status.peers.length > 0) return { code: 'ERR_HANDSHAKE_TIMEOUT', message: 'No answer.' };
    if (this.#dispute.failure.value) return this.#dispute.failure.value;
    return status.tcp.blackHoles > 0
      ? { code: BLACK_HOLE, message: 'Large packets were lost on the way.' }
      : undefined;
  }

  /** The names of this tunnel, for sentences. */
  context(): AdviceContext {
    return {
      page: location.origin,
      relay: this.relays.value.join(' or '),
      endpoint: this.status.value?.transport.problems[0]?.endpoint ?? this.#endpoints.value[0],
      publicKey: this.status.value?.publicKey,
      mtu: this.status.value?.mtu,
      hasToken: this.#hasToken.value,
      reach: this.#reach.value,
    };
  }
}
