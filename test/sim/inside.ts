import type { Tcb } from '../../src/core/netstack/tcp/tcb.ts';
import { NEVER } from '../../src/core/time.ts';
import type { Host } from './host.ts';

/** What must hold inside a stack whenever its poll is over. Throws. */
export function checkInside(host: Host, now: number): void {
  const { stack } = host;
  const due = stack.pollAt();
  if (!(due > now) && !host.congested) throw new Error(`${host.name}: poll leaves something due (${due})`);
  for (const tcb of stack.tcp.controlBlocks()) {
    try {
      checkConnection(tcb, now);
    } catch (error) {
      throw new Error(`${host.name}, port ${tcb.local.port}, ${tcb.state}: ${(error as Error).message}`);
    }
  }
}

function checkConnection(tcb: Tcb, now: number): void {
  if (tcb.outstanding < 0) throw new Error('SND.UNA is beyond SND.NXT');
  if (tcb.rcvWnd < 0) throw new Error('RCV.NXT is beyond the right edge');
  const { cwnd, flight } = tcb;
  if (flight && flight.scoreboard.pipe !== flight.scoreboard.countPipe())
    throw new Error(`the pipe is ${flight.scoreboard.countPipe()}, not ${flight.scoreboard.pipe}`);
  if (!tcb.isEmbryonic && !(cwnd >= 1 && cwnd <= 2 ** 30)) throw new Error(`cwnd is ${cwnd}`);
  const { rto } = tcb.roundTrip;
  if (!(rto > 0 && rto <= 120_000)) throw new Error(`RTO is ${rto}`);
  const waits = tcb.outstanding > 0 || tcb.unsent > 0 || (tcb.finQueued && !tcb.finAcknowledged);
  const isHeld = tcb.context.ip.congested;
  if (waits && tcb.resendAt === NEVER && !isHeld) throw new Error('something outstanding, and no timer');
  if (tcb.nextDeadline() < tcb.heapAt) throw new Error('its deadline is earlier than the layer knows');
  if (tcb.nextDeadline() <= now) throw new Error('a deadline has passed');
}
