import type { TcpConnection } from '../../src/core/netstack/tcp/connection.ts';
import type { DatagramSocket } from './datagram-socket.ts';
import type { EventPoll } from './event-poll.ts';
import { Flows } from './flow.ts';
import { Host } from './host.ts';
import { ScriptFailure } from './script.ts';
import type { Settings } from './settings.ts';
import type { StreamSocket } from './stream-socket.ts';

export type Descriptor = StreamSocket | DatagramSocket | EventPoll;

/** What system calls and packets work on: the host, what is open on it, and how the script numbers it all. */
export class Machine {
  readonly settings: Settings;
  readonly host: Host;
  readonly flows: Flows;
  readonly descriptors = new Map<number, Descriptor>();
  /** The connection that code asks about. */
  connectionUnderTest: TcpConnection | undefined;
  /** Where the last `listen` listens. */
  listeningPort: number;

  constructor(settings: Settings, placement: { start: number; remoteBase: number }) {
    this.settings = settings;
    this.host = new Host(settings, placement.start);
    this.flows = new Flows(placement.remoteBase);
    this.host.leaves = ({ body }) => {
      if (body.protocol === 'tcp') this.flows.leaves(body);
    };
    this.listeningPort = settings.localPort;
  }

  get now(): number {
    return this.host.now;
  }

  /** A call waits for this moment, at the latest. */
  wakeAt(moment: number): void {
    this.host.alarm = Math.min(this.host.alarm, moment);
  }

  descriptor(number: number, line: number): Descriptor {
    const found = this.descriptors.get(number);
    if (!found) throw new ScriptFailure(line, `descriptor ${number} to be open`, 'none of that number');
    return found;
  }
}
