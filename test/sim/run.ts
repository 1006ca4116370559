import { IpPrefix, type SocketAddress } from '../../src/core/address.ts';
import type { NetStack } from '../../src/core/netstack/netstack.ts';
import type { TcpListener } from '../../src/core/netstack/tcp/listener.ts';
import { NEVER } from '../../src/core/time.ts';
import type { LinkEvent } from './link.ts';
import { type App, Party } from './party.ts';
import type { Scenario, Session } from './scenario.ts';
import { World } from './world.ts';

const PORT = 80;
const FIRST_CLIENT_PORT = 50_000;
/** Everything a scenario asks for is done in this virtual time, whatever is lost. */
const LONGEST = 3_600_000;
/** TIME-WAIT, and whatever else is still to pass when all is closed. */
const LONGEST_REST = 1_000_000;
/** So many must go unanswered. */
const KEEP_ALIVE_PROBES = 9;
const HOSTS = [
  { name: 'a', addresses: ['10.0.0.1/24', 'fd00::1/64'] },
  { name: 'b', addresses: ['10.0.0.2/24', 'fd00::2/64'] },
] as const;

/** In what a run may differ from its scenario. */
export interface Variant {
  /** All initial sequence numbers. */
  isn?: number;
  version?: 4 | 6;
  /** The only link events that happen this time. */
  only?: ReadonlySet<string>;
  /** Keep a hash of every byte that left. */
  hashWire?: boolean;
  /** Off: every segment takes the whole way. */
  fastPath?: boolean;
}

export interface Outcome {
  /** Equal for equal decisions, whatever the sequence numbers and the family of IP. */
  decisions: number;
  wireHash: number | undefined;
  events: LinkEvent[];
  packets: number;
  /** Times that a path was suspected to swallow large segments. */
  blackHoleSuspicions: number;
  /** Segments that carried what had been sent already. */
  resent: number;
  /** Virtual time until all was done, in ms. */
  took: number;
  /** How connections ended that ended badly: the codes, clients first. */
  failures: string[];
  /** What broke. */
  error: Error | undefined;
}

/** Runs a scenario from the first SYN until nothing is left of it. */
export function run(scenario: Scenario, variant: Variant = {}): Outcome {
  const version = variant.version ?? scenario.version;
  const longer = version === 6 ? 20 : 0;
  const world = new World({
    seed: scenario.seed,
    hosts: HOSTS.map(({ name, addresses }, index) => ({
      name,
      prefixes: addresses.map((text) => IpPrefix.parse(text)!),
      mtu: scenario.mtu[index]! + longer,
      naps: scenario.naps[index],
    })),
    links: scenario.links.map((link) => ({ ...link, mtu: link.mtu + longer })),
    isn: variant.isn,
    only: variant.only,
    fastPath: variant.fastPath ?? true,
  });
  world.flows.mayRevive = scenario.workload === 'listen overflow';
  if (variant.hashWire) world.wireHash = 0x811c9dc5;
  let error: Error | undefined;
  let took = 0;
  let failures: string[] = [];
  try {
    const play = new Play(world, scenario, version);
    took = play.run();
    failures = play.failures;
  } catch (thrown) {
    error = thrown as Error;
  }
  const packets = world.links.reduce((sum, link) => sum + link.packets, 0);
  return {
    decisions: world.flows.decisions,
    wireHash: world.wireHash,
    events: world.events,
    packets,
    blackHoleSuspicions: world.hosts.reduce((sum, { stack }) => sum + stack.tcp.blackHoleSuspicions, 0),
    resent: world.flows.resent,
    took,
    failures,
    error,
  };
}

/** The sessions of a scenario, played. */
class Play {
  readonly #world: World;
  readonly #scenario: Scenario;
  readonly #version: 4 | 6;
  readonly #listener: TcpListener | undefined;
  readonly #clients: (Party | undefined)[] = [];
  readonly #servers: (Party | undefined)[] = [];
  /** Where cookies are sent, a late segment may bring back a connection that is over; the listener accepts it once more. */
  readonly #ghosts: Party[] = [];
  #acceptAt = 0;

  constructor(world: World, scenario: Scenario, version: 4 | 6) {
    this.#world = world;
    this.#scenario = scenario;
    this.#version = version;
    const { backlog, options, sessions } = scenario;
    const [, serverHost] = this.#hosts();
    if (!this.#isCrossing)
      this.#listener = serverHost.stack.listenTcp({ port: PORT, backlog, ...options[1] }, world.now);
    for (const [index, session] of sessions.entries()) world.apps.push(this.#opener(index, session));
    if (this.#listener) world.apps.push(this.#acceptor(this.#listener));
  }

  /** Returns how long the work took, in ms of virtual time. */
  run(): number {
    const world = this.#world;
    const began = world.now;
    world.run(() => this.#isDone(), LONGEST);
    const took = world.now - began;
    this.#checkResult();
    this.#closeAll();
    world.run(() => world.hosts.every(({ stack }) => isAtRest(stack)), LONGEST_REST);
    this.#checkNothingLeft();
    return took;
  }

  /** See Outcome. */
  get failures(): string[] {
    const errors = [...this.#clients, ...this.#servers].map((party) => party?.error);
    return errors.filter((error) => error !== undefined).map((error) => error.code);
  }

  get #isCrossing(): boolean {
    return this.#scenario.workload === 'crossing';
  }

  #hosts() {
    const [a, b] = this.#world.hosts as [World['hosts'][0], World['hosts'][0]];
    return this.#scenario.workload === 'loopback' ? ([a, a] as const) : ([a, b] as const);
  }

  #addressOf(host: World['hosts'][0]) {
    return host.addresses.find(({ version }) => version === this.#version)!;
  }

  /** Opens session `index` when its time has come. */
  #opener(index: number, { at, client, server }: Session): App {
    const begin = this.#world.now + at;
    const [clientHost, serverHost] = this.#hosts();
    const open = (now: number, isServer: boolean) => {
      const [from, to] = isServer ? [serverHost, clientHost] : [clientHost, serverHost];
      const port = FIRST_CLIENT_PORT + index;
      const remote: SocketAddress = { address: this.#addressOf(to), port: isServer ? port : PORT };
      const options = { ...this.#scenario.options[isServer ? 1 : 0], localPort: isServer ? PORT : port };
      const connection = from.stack.connectTcp(remote, options, now);
      const streams = [2 * index, 2 * index + 1] as const;
      const [writes, reads] = isServer ? [streams[1], streams[0]] : streams;
      const party = new Party(
        from,
        connection,
        isServer ? server : client,
        writes,
        reads,
        this.#seedOf(index, isServer),
      );
      (isServer ? this.#servers : this.#clients)[index] = party;
      this.#world.apps.push(party);
    };
    return {
      nextAt: begin,
      act(now) {
        if (now < this.nextAt) return;
        this.nextAt = NEVER;
        open(now, false);
      },
      ...(this.#isCrossing && {
        act(now) {
          if (now < this.nextAt) return;
          this.nextAt = NEVER;
          open(now, false);
          open(now, true);
        },
      }),
    };
  }

  #seedOf(index: number, isServer: boolean): number {
    return this.#scenario.seed * 1000 + 2 * index + (isServer ? 1 : 0) + 77;
  }

  #acceptor(listener: TcpListener): App {
    const { acceptEvery, sessions } = this.#scenario;
    const take = (now: number): number => {
      if (now < this.#acceptAt) return this.#acceptAt;
      for (let accepted = listener.accept(); accepted; accepted = listener.accept()) {
        const index = accepted.remote.port - FIRST_CLIENT_PORT;
        const party = new Party(
          this.#hosts()[1],
          accepted,
          sessions[index]!.server,
          2 * index + 1,
          2 * index,
          this.#seedOf(index, true),
        );
        if (this.#servers[index]) this.#ghosts.push(party);
        else this.#servers[index] = party;
        this.#world.apps.push(party);
        if (acceptEvery > 0) return (this.#acceptAt = now + acceptEvery);
      }
      return NEVER;
    };
    return {
      nextAt: NEVER,
      act(now) {
        this.nextAt = take(now);
      },
    };
  }

  #isDone(): boolean {
    const { sessions } = this.#scenario;
    for (let index = 0; index < sessions.length; index++) {
      const client = this.#clients[index];
      const server = this.#servers[index];
      const mayFail = this.#mayFail(index);
      if (!client || !this.#isOver(client, server, mayFail)) return false;
      if (server && !this.#isOver(server, client, mayFail)) return false;
      if (!server && !mayFail) return false;
    }
    return true;
  }

  #isOver(party: Party, peer: Party | undefined, mayFail: boolean): boolean {
    if (party.closedCount === 0) {
      const isPeerGone = peer === undefined || peer.closedCount > 0;
      return mayFail && isPeerGone && this.#isIdle(party);
    }
    return (
      party.aborted || party.error !== undefined || party.behaviour.ending === 'close' || party.readEnded
    );
  }

  /** Its peer went away without a word that reached it, and it has nothing to say by which it would find out. */
  #isIdle(party: Party): boolean {
    const { unsentBytes, bytesInFlight } = party.connection.info();
    return unsentBytes + bytesInFlight === 0 && party.nextAt === NEVER && this.#keepAliveDelayOf(party) === 0;
  }

  #keepAliveDelayOf(party: Party): number {
    const { options } = this.#scenario;
    return options[this.#clients.includes(party) ? 0 : 1].keepAliveDelay ?? 0;
  }

  /** Whether a session may end badly: one whose end has died of silence may, whatever its scenario says. */
  #mayFail(index: number): boolean {
    return (
      this.#scenario.mayFail ||
      this.#diedOfSilence(this.#clients[index]) ||
      this.#diedOfSilence(this.#servers[index])
    );
  }

  /**
   * Keep-alive gave its peer up, and was right to: none of its probes was answered by anything that arrived whole. The
   * last to leave is the reset.
   */
  #diedOfSilence(party: Party | undefined): boolean {
    if (party?.error?.code !== 'ERR_TIMEOUT' || !party.silence) return false;
    const delay = this.#keepAliveDelayOf(party);
    const { since, sent, sentAt } = party.silence;
    return delay > 0 && sent > KEEP_ALIVE_PROBES && sentAt - since >= (1 + KEEP_ALIVE_PROBES) * delay;
  }

  #checkResult(): void {
    const { sessions } = this.#scenario;
    for (let index = 0; index < sessions.length; index++) {
      const mayFail = this.#mayFail(index);
      const parties = [this.#clients[index], this.#servers[index]] as const;
      for (const [i, party] of parties.entries()) {
        if (!party) continue;
        const peer = parties[1 - i];
        const name = `session ${index}, ${i === 0 ? 'client' : 'server'}`;
        if (peer && party.read > peer.written) throw new Error(`${name} read more than was written`);
        if (mayFail) continue;
        if (party.error) throw new Error(`${name} ended with ${party.error.message}`);
        if (party.connectedCount !== (i === 0 || this.#isCrossing ? 1 : 0))
          throw new Error(`${name}: connected ${party.connectedCount} times`);
        const reads = party.behaviour.ending !== 'close';
        if (reads && party.read !== peer!.behaviour.total)
          throw new Error(`${name} read ${party.read} of ${peer!.behaviour.total}`);
      }
    }
  }

  #closeAll(): void {
    for (const party of [...this.#clients, ...this.#servers, ...this.#ghosts]) {
      if (!party) continue;
      if (party.closedCount === 0) party.connection.abort();
      else party.close();
    }
    this.#listener?.close();
  }

  #checkNothingLeft(): void {
    for (const party of [...this.#clients, ...this.#servers])
      if (party && party.closedCount !== 1 && !party.aborted)
        throw new Error(`closed ${party.closedCount} times`);
    for (const { name, stack } of this.#world.hosts) {
      if (stack.tcp.pages.used !== 0) throw new Error(`${name}: ${stack.tcp.pages.used} pages left behind`);
      if (stack.pollAt() !== NEVER)
        throw new Error(`${name}: nothing to do, but pollAt() is ${stack.pollAt()}`);
    }
  }
}

/** TIME-WAIT has passed, what was known of the path is forgotten, and nobody has anything left to do. */
function isAtRest(stack: NetStack): boolean {
  return stack.tcp.connectionCount + stack.tcp.timeWaitCount === 0 && stack.pollAt() === NEVER;
}
