import type { Instant, Pollable } from '../../time.ts';
import type { IpLayer } from '../ip-layer.ts';
import type { PagePool } from '../page-pool.ts';
import { Deadlines } from './deadlines.ts';
import { output, sendReset } from './output.ts';
import type { Tcb } from './tcb.ts';
import { expire, settleFinalTimer } from './timers.ts';
import { WakeList } from './wake-list.ts';

/**
 * Whose turn it is: connections that something woke, whose deadline has come, or that waited for the way out or for
 * pages. Each sends once per poll, when the batch that woke it is over.
 */
export class Turns implements Pollable {
  readonly #ip: IpLayer;
  readonly #pages: PagePool;
  readonly #deadlines = new Deadlines();
  /** Connections with something to do at the next poll. */
  #awake = new WakeList();
  #settling = new WakeList();
  /** Connections whose data waits for the way out. */
  readonly #held = new Set<Tcb>();
  /** Of those, the ones that sent something in this poll. */
  readonly #hadTurn = new WakeList();
  readonly #released = new WakeList();
  /** Connections whose application waits for pages. */
  readonly #starved = new Set<Tcb>();

  constructor(ip: IpLayer, pages: PagePool) {
    this.#ip = ip;
    this.#pages = pages;
  }

  wake(tcb: Tcb): void {
    if (tcb.isAwake) return;
    tcb.isAwake = true;
    this.#awake.add(tcb);
  }

  waitForPages(tcb: Tcb): void {
    this.#starved.add(tcb);
  }

  get isAnyoneStarved(): boolean {
    return this.#starved.size > 0;
  }

  remove(tcb: Tcb): void {
    this.#deadlines.remove(tcb);
    this.#held.delete(tcb);
    this.#starved.delete(tcb);
  }

  poll(now: Instant): void {
    for (let tcb = this.#deadlines.takeDue(now); tcb; tcb = this.#deadlines.takeDue(now)) {
      expire(tcb, now);
      this.wake(tcb);
    }
    if (this.#held.size > 0 && !this.#ip.congested) this.#release(now);
    if (this.#canFeed) this.#feed();
    const settling = this.#awake;
    this.#awake = this.#settling;
    this.#settling = settling;
    for (let i = 0; i < settling.length; i++) if (settling.at(i).isAwake) this.#settle(settling.at(i), now);
    settling.clear();
    for (let i = 0; i < this.#hadTurn.length; i++) this.#held.add(this.#hadTurn.at(i));
    this.#hadTurn.clear();
  }

  pollAt(): Instant {
    if (this.#awake.length > 0 || this.#canFeed || (this.#held.size > 0 && !this.#ip.congested)) return 0;
    return this.#deadlines.next;
  }

  get #canFeed(): boolean {
    return this.isAnyoneStarved && this.#pages.share > 0;
  }

  #settle(tcb: Tcb, now: Instant): void {
    tcb.isAwake = false;
    if (tcb.state === 'CLOSED' || tcb.state === 'TIME-WAIT') return;
    if (tcb.resetPending) {
      sendReset(tcb, now);
      tcb.end(tcb.resetCause);
      return;
    }
    const before = tcb.segmentsSent;
    // Who sent until the way was full stands behind those who found it so: a keystroke before the next of a bulk flow.
    if (!output(tcb, now)) {
      if (tcb.segmentsSent === before) this.#held.add(tcb);
      else this.#hadTurn.add(tcb);
    }
    settleFinalTimer(tcb, now);
    this.#deadlines.schedule(tcb);
  }

  /** Those that waited go before those that something else woke. */
  #release(now: Instant): void {
    const released = this.#released;
    for (const tcb of this.#held) released.add(tcb);
    this.#held.clear();
    for (let i = 0; i < released.length; i++) this.#settle(released.at(i), now);
    released.clear();
  }

  /** One after the other while there is some; who takes it and wants more stands behind the others. */
  #feed(): void {
    const last = this.#starved.size;
    let n = 0;
    for (const tcb of this.#starved) {
      if (n++ === last || this.#pages.share === 0) return;
      this.#starved.delete(tcb);
      tcb.writeBlocked = false;
      tcb.observer?.writable();
    }
  }
}
