import { pipe } from '../../src/core/netstack/tcp/recovery.ts';
import type { Tcb } from '../../src/core/netstack/tcp/tcb.ts';
import { NEVER } from '../../src/core/time.ts';
import type { Host } from './host.ts';

/**
 * What may be in flight beyond the congestion window when something new has just left, in segments: limited transmit
 * and F-RTO let two out, a tail loss probe one, and the last one may have been begun when there was room for a part.
 */
const BEYOND_CWND = 4;

interface Seen {
  sndNxt: number;
  cwnd: number;
  /** What an undo put back in flight may be more than the window, and a tail loss probe goes on top of it. */
  pipe: number;
}

/** Looks into a stack whenever its poll is over, and knows what it saw the last time. */
export class Inside {
  readonly #host: Pick<Host, 'name' | 'stack' | 'congested'>;
  /** Every control block that lives, or still holds bytes that nobody has read. */
  readonly #seen = new Map<Tcb, Seen>();

  constructor(host: Pick<Host, 'name' | 'stack' | 'congested'>) {
    this.#host = host;
  }

  /** Throws what does not hold. `always`: it has looked after every event. */
  check(now: number, always: boolean): void {
    const { name, stack, congested } = this.#host;
    const due = stack.pollAt();
    if (!(due > now) && !congested) throw new Error(`${name}: poll leaves something due (${due})`);
    for (const tcb of stack.tcp.controlBlocks()) {
      try {
        this.#checkConnection(tcb, now, always);
      } catch (error) {
        throw new Error(`${name}, port ${tcb.local.port}, ${tcb.state}: ${(error as Error).message}`);
      }
    }
    this.#checkPages();
  }

  #checkConnection(tcb: Tcb, now: number, always: boolean): void {
    const { cwnd, flight } = tcb;
    if (tcb.outstanding < 0) throw new Error('SND.UNA is beyond SND.NXT');
    if (tcb.rcvWnd < 0) throw new Error('RCV.NXT is beyond the right edge');
    if (flight && flight.scoreboard.pipe !== flight.scoreboard.countPipe())
      throw new Error(`the pipe is ${flight.scoreboard.countPipe()}, not ${flight.scoreboard.pipe}`);
    // Proportional rate reduction may allow nothing for a moment.
    const least = !flight || flight.recovery.phase === 'open' ? 1 : 0;
    if (!tcb.isEmbryonic && !(cwnd >= least && cwnd <= 2 ** 30)) throw new Error(`cwnd is ${cwnd}`);
    const { rto } = tcb.roundTrip;
    if (!(rto > 0 && rto <= 120_000)) throw new Error(`RTO is ${rto}`);
    const waits = tcb.outstanding > 0 || tcb.unsent > 0 || (tcb.finQueued && !tcb.finAcknowledged);
    const isHeld = tcb.context.ip.congested;
    if (waits && tcb.resendAt === NEVER && !isHeld) throw new Error('something outstanding, and no timer');
    if (tcb.nextDeadline() < tcb.heapAt) throw new Error('its deadline is earlier than the layer knows');
    if (tcb.nextDeadline() <= now) throw new Error('a deadline has passed');
    const before = this.#seen.get(tcb);
    const inFlight = flight ? pipe(tcb, flight) : 0;
    if (always && before && flight && before.sndNxt !== tcb.sndNxt) {
      const allowed = Math.max(before.cwnd, before.pipe, cwnd, tcb.mss) + BEYOND_CWND * tcb.mss;
      if (inFlight > allowed) throw new Error(`${inFlight} bytes in flight, with a window of ${cwnd}`);
    }
    if (before) {
      before.sndNxt = tcb.sndNxt;
      before.cwnd = cwnd;
      before.pipe = inFlight;
    } else this.#seen.set(tcb, { sndNxt: tcb.sndNxt, cwnd, pipe: inFlight });
  }

  /** Every page that is lent is somebody's. */
  #checkPages(): void {
    const { name, stack } = this.#host;
    let count = 0;
    for (const tcb of this.#seen.keys()) {
      const pages = tcb.sendQueue.countPages() + tcb.receiveQueue.countPages();
      count += pages;
      if (pages === 0 && tcb.state === 'CLOSED') this.#seen.delete(tcb);
    }
    const { used } = stack.tcp.pages;
    if (count !== used) throw new Error(`${name}: ${used} pages are lent, ${count} are in use`);
  }
}
