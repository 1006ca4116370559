// A whole engine behind a relay, on a machine that sleeps: its monotonic clock and its timers stand still, its wall clock
// goes on. The peer is a test's own, so that what leaves can be counted.
import { MessageChannel } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { SleepAwareClock } from '../../src/core/clock.ts';
import { clamp, RawIdentity } from '../../src/core/crypto/identity.ts';
import { WasmSuite } from '../../src/core/crypto/wasm-suite.ts';
import { MINUTE, SECOND } from '../../src/core/time.ts';
import { OPEN, PING, PONG } from '../../src/core/wire/relay.ts';
import { loadAssembly } from '../../src/node/assembly.ts';
import { openLocalChannel } from '../../src/node/local-channel.ts';
import { ProcessKeyRegistry } from '../../src/service/key-registry.ts';
import { TunnelService } from '../../src/service/service.ts';
import { RelayTransport } from '../../src/transport/relay-transport.ts';
import { Opponent, type Session } from '../core/wireguard/opponent.ts';
import { makePacket } from '../core/wireguard/station.ts';
import { FakeMachine } from '../support/fake-machine.ts';
import { FakeWebSocket } from '../transport/fake-host.ts';

const KIND = ['', 'initiation', 'response', 'cookie reply', 'data'];

class Tab {
  readonly machine = new FakeMachine();
  readonly sockets: FakeWebSocket[] = [];
  readonly service: TunnelService;
  readonly opponent: Opponent;
  /** Datagrams of the newest connection that were looked at. */
  #seen = 0;

  private constructor(suite: WasmSuite) {
    const { machine } = this;
    const clock = new SleepAwareClock(machine);
    const privateKey = clamp(Uint8Array.from({ length: 32 }, (_, i) => 11 * i + 3));
    const identity = new RawIdentity(privateKey, suite);
    this.opponent = new Opponent(identity.publicKey);
    let transport: RelayTransport | undefined;
    this.service = new TunnelService({
      environment: {
        crypto: suite,
        memory: suite.memory,
        fillRandom: (bytes) => globalThis.crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>),
        wallClock: () => machine.date,
      },
      clock,
      keys: new ProcessKeyRegistry(),
      createIdentity: async () => identity,
      createTransport: ({ relays: urls }) => {
        transport = new RelayTransport({
          urls,
          memory: suite.memory,
          clock,
          host: {
            connect: (url, protocols) => {
              this.#seen = 0;
              this.sockets.push(new FakeWebSocket(url, protocols));
              return this.socket;
            },
            fetch: () => Promise.reject(new TypeError('failed')),
            setTimer: (run, delay) => machine.setTimer(run, delay),
            clearTimer: (timer) => machine.clearTimer(timer),
            random: () => 0.99,
            origin: 'https://console.example',
          },
        });
        return transport;
      },
      openChannel: openLocalChannel,
      retryNow: () => transport?.retryNow(),
      finished: () => {},
    });
  }

  static async open(persistentKeepalive: number): Promise<Tab> {
    const tab = new Tab(new WasmSuite(await loadAssembly()));
    const { port1 } = new MessageChannel();
    const outcome = await tab.service.open(
      {
        config: {
          privateKey: new Uint8Array(32),
          addresses: ['10.0.0.2/24'],
          mtu: 1420,
          peers: [
            {
              publicKey: tab.opponent.publicKey,
              endpoint: { host: '192.0.2.1', port: 51820 },
              allowedIps: ['10.0.0.0/24'],
              persistentKeepalive,
            },
          ],
        },
        relays: ['wss://relay.example/v1'],
        takeOver: false,
      },
      port1 as unknown as MessagePort,
    );
    expect(outcome).toEqual({ value: undefined });
    return tab;
  }

  get socket(): FakeWebSocket {
    return this.sockets.at(-1)!;
  }

  /** The relay accepts the newest connection, and answers its PING. */
  accept(): void {
    this.socket.open();
    this.pong();
  }

  pong(): void {
    this.socket.control({ type: PONG, nonce: this.socket.controls(PING).at(-1)!.nonce, queuedBytes: 0 });
  }

  /** Datagrams sent since the last time over the newest connection. */
  take(): Buffer[] {
    const all = this.socket.datagrams();
    return all.slice(this.#seen, (this.#seen = all.length));
  }

  kinds(): string[] {
    return this.take().map((bytes) => (bytes.length === 32 ? 'keepalive' : KIND[bytes[0]!]!));
  }

  /** The peer answers the one initiation that left. */
  answer(): Session {
    const [initiation, ...more] = this.take();
    expect(more).toEqual([]);
    const { message, session } = this.opponent.answer(Uint8Array.from(initiation!));
    this.socket.deliver([1, message]);
    expect(this.kinds()).toEqual(['keepalive']);
    return session;
  }

  /** Awake, with timers on time; the relay answers. */
  pass(ms: number): void {
    const { machine } = this;
    const end = machine.performance + ms;
    for (;;) {
      const [next] = machine.timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      machine.pass(Math.max(0, next.at - machine.performance));
      machine.clearTimer(next);
      const { socket } = this;
      const pings = socket.controls(PING).length;
      next.run();
      if (this.socket === socket && socket.controls(PING).length > pings) this.pong();
    }
    machine.pass(end - machine.performance);
  }

  async sessions(): Promise<{ wireguard: Record<string, number>; attempts: number }> {
    const status = await this.service.status();
    if ('error' in status) throw new Error(status.error.message);
    return { wireguard: status.value.drops.wireguard, attempts: status.value.peers[0]!.handshakeAttempts };
  }
}

/** Connected, with a session that is ten seconds old. */
async function connected(persistentKeepalive = 25) {
  const tab = await Tab.open(persistentKeepalive);
  tab.accept();
  const session = tab.answer();
  tab.pass(10 * SECOND);
  expect(tab.kinds()).toEqual([]);
  return { tab, session };
}

const incoming = makePacket('10.0.0.1', '10.0.0.2');

describe('after ten minutes of sleep', () => {
  it('the page’s word is enough: a new connection at once, with one initiation in its first message', async () => {
    const { tab, session } = await connected();
    const [old] = tab.sockets;
    tab.machine.sleep(10 * MINUTE);
    await tab.service.retryNow();
    expect(old!.closedWith).toBe(1000);
    expect(tab.sockets).toHaveLength(2);
    // The backlog of the old connection is for nobody.
    old!.deliver([1, tab.opponent.seal(session, incoming)]);
    tab.socket.open();
    expect(tab.socket.sent).toHaveLength(1);
    expect(tab.socket.controls(OPEN)).toHaveLength(1);
    tab.pong();
    tab.answer();
    expect(await tab.sessions()).toEqual({ wireguard: {}, attempts: 0 });
    tab.pass(24 * SECOND);
    expect(tab.kinds()).toEqual([]);
    tab.pass(SECOND);
    expect(tab.kinds()).toEqual(['keepalive']);
  });

  it.each([
    ['the first timer', (tab: Tab) => tab.pass(11 * SECOND)],
    ['a message of the backlog', (tab: Tab, data: Uint8Array) => tab.socket.deliver([1, data])],
  ])('%s notices it as well, and nothing of the backlog is taken', async (_, wake) => {
    const { tab, session } = await connected();
    tab.machine.sleep(10 * MINUTE);
    wake(tab, tab.opponent.seal(session, incoming));
    expect(tab.sockets).toHaveLength(2);
    tab.accept();
    tab.answer();
    expect(await tab.sessions()).toEqual({ wireguard: {}, attempts: 0 });
  });

  it('the retry timer of a relay that was away is not waited for', async () => {
    const { tab } = await connected();
    for (let i = 0; i < 8; i++) {
      tab.socket.fail();
      tab.pass(30 * SECOND);
    }
    tab.socket.fail();
    const count = tab.sockets.length;
    tab.pass(SECOND);
    tab.machine.sleep(10 * MINUTE);
    expect(tab.sockets).toHaveLength(count);
    await tab.service.retryNow();
    expect(tab.sockets).toHaveLength(count + 1);
    tab.accept();
    tab.answer();
  });

  it('without a keepalive or anything to send there is a new connection, and silence', async () => {
    const { tab } = await connected(0);
    tab.machine.sleep(10 * MINUTE);
    await tab.service.retryNow();
    tab.accept();
    tab.pass(MINUTE);
    expect(tab.kinds()).toEqual([]);
  });
});

describe('after less than three minutes', () => {
  it('of sleep the session lives: the relay is asked, and what was due is done before the backlog', async () => {
    const { tab, session } = await connected();
    tab.machine.sleep(100 * SECOND);
    await tab.service.retryNow();
    // The keepalive was due while we slept; then the relay is asked whether it is still there.
    expect(tab.sockets).toHaveLength(1);
    expect(tab.kinds()).toEqual(['keepalive']);
    expect(tab.socket.controls(PING)).toHaveLength(2);
    tab.pong();
    tab.socket.deliver([1, tab.opponent.seal(session, incoming)]);
    expect(await tab.sessions()).toEqual({ wireguard: {}, attempts: 0 });
  });

  it('the backlog alone lets what was due be done before it is read', async () => {
    const { tab, session } = await connected();
    tab.machine.sleep(130 * SECOND);
    // An old session, and a keepalive that is overdue: it is sent, and asks for a new session, before the data is read.
    tab.socket.deliver([1, tab.opponent.seal(session, incoming)]);
    expect(tab.kinds()).toEqual(['keepalive', 'initiation']);
  });
});

describe('a wall clock that is set', () => {
  it('an hour back changes nothing', async () => {
    const { tab } = await connected();
    tab.machine.date -= 60 * MINUTE;
    await tab.service.retryNow();
    tab.pong();
    expect(tab.sockets).toHaveLength(1);
    tab.pass(15 * SECOND);
    expect(tab.kinds()).toEqual(['keepalive']);
  });

  it('an hour ahead ends sessions early, and that is all', async () => {
    const { tab } = await connected();
    tab.machine.date += 60 * MINUTE;
    await tab.service.retryNow();
    expect(tab.sockets).toHaveLength(2);
    tab.accept();
    tab.answer();
    expect(await tab.sessions()).toEqual({ wireguard: {}, attempts: 0 });
  });
});
