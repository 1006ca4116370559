import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { QueueBudget } from '../src/core/queue/down-queue.ts';
import { CLOSE_RESTARTING } from '../src/core/wire/relay.ts';
import { Admission, localAddress, pathOf } from './admission.ts';
import type { RelayConfig } from './config.ts';
import type { RelayContext } from './context.ts';
import { RelayCounters } from './counters.ts';
import { InitiationTurns } from './initiation-turns.ts';
import { BucketTable, Tally } from './limits.ts';
import { Policy, type ResolveName } from './policy.ts';
import { Reception } from './reception.ts';
import { SessionTable } from './session-table.ts';
import { Strangers } from './strangers.ts';

const RETRY_AFTER = 1000;

/** What a relay needs of the process around it. */
export interface Surroundings extends Pick<RelayContext, 'hasFiles' | 'log' | 'now' | 'wallClock'> {
  readonly resolve: ResolveName;
  /** More would be too much for this process. */
  isOverloaded(): boolean;
}

/** Carries WireGuard datagrams between WebSocket clients and UDP endpoints. Holds no key, sees no plaintext. */
export class RelayCore {
  readonly context: RelayContext;
  readonly admission: Admission;
  /** On which it can be reached itself. */
  readonly ports = new Set<number>();
  readonly #reception: Reception;

  constructor(config: RelayConfig, { resolve, isOverloaded, ...around }: Surroundings) {
    const { limits, rules } = config;
    const { initiationsPerSecondOfClient, initiationsPerSecondToDestination: toOne } = limits;
    const counters = new RelayCounters();
    this.context = {
      config,
      policy: new Policy(rules, { resolve, listenPorts: () => [...this.ports] }),
      counters,
      sessions: new SessionTable(),
      strangers: new Strangers(limits.unauthenticated, counters),
      // The rest is left for who has a key that an endpoint knows.
      unproven: new Strangers(Math.ceil(0.75 * limits.sessions), counters, 'unproven'),
      budget: new QueueBudget(limits.totalQueueBytes, () => counters.down.drop('total_queue')),
      initiationsOfClient: new BucketTable(initiationsPerSecondOfClient, 4 * initiationsPerSecondOfClient),
      initiationTurns: new InitiationTurns(toOne, Math.max(1, Math.round(toOne / 4)), around.now),
      channelsTo: new Tally(),
      ...around,
    };
    this.admission = new Admission(this.context, isOverloaded);
    this.#reception = new Reception(this.admission, this.context);
  }

  /**
   * Goes by another configuration; limits that sessions share stay. Channels whose destination is no longer allowed are
   * closed, and sessions of subjects that are denied now.
   */
  reconfigure(config: RelayConfig): void {
    // What the WebSocket server was told holds until it is made anew.
    const { maxMessage } = this.context.config.limits;
    this.context.config = { ...config, limits: { ...config.limits, maxMessage } };
    this.context.policy.rules = config.rules;
    for (const session of this.context.sessions) session.recheck();
  }

  /** A connection on a server of our own. Of one from a proxy that we trust, it is the request that says whose it is. */
  meet(socket: Socket): void {
    if (!this.context.config.proxies.includes({ socket }))
      this.context.strangers.enter(socket, socket.remoteAddress ?? '');
  }

  /** Serves upgrades to its path on a server that someone else runs. */
  attach(server: Server): void {
    server.on('upgrade', (request, socket, head) => {
      // Other paths may be someone else's, if there is anyone else.
      const isOurs = pathOf(request) === this.context.config.path;
      if (!isOurs && server.listenerCount('upgrade') > 1) return;
      this.ports.add(localAddress(request).port);
      this.#reception.upgrade(request, socket, head);
    });
  }

  /** Tells every client to come back later. Resolves when all have gone, within the stop timeout. */
  async dismiss(): Promise<void> {
    const { sessions, config, initiationTurns } = this.context;
    this.admission.isStopping = true;
    for (const session of sessions) {
      session.goAway(0, RETRY_AFTER);
      session.close(CLOSE_RESTARTING, 'restarting');
    }
    const deadline = performance.now() + config.limits.stopTimeout;
    while (sessions.size > 0 && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 20));
    for (const session of sessions) session.terminate();
    while (sessions.endParked(() => true));
    initiationTurns.close();
  }

  /** Called once a second. */
  tick(now: number): void {
    this.context.initiationTurns.tick(now);
    this.context.sessions.tick(now);
  }
}
