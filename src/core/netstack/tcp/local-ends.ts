import type { IpAddress, SocketAddress } from '../../address.ts';
import { TunnelError } from '../../errors.ts';
import type { Instant } from '../../time.ts';
import type { IpLayer } from '../ip-layer.ts';
import type { EphemeralPorts } from '../ports.ts';
import type { ConnectionTable } from './connection-table.ts';
import type { Listeners } from './listeners.ts';
import { NO_ROW } from './record-table.ts';
import { printSocketAddress } from './state.ts';
import type { SynQueue } from './syn-queue.ts';
import type { Tcb } from './tcb.ts';
import type { TimeWaitTable } from './time-wait.ts';

/** After so many ports in use, all connections are looked at once: where none is free, asking for each takes long. */
const MANY_PORTS = 32;

/** Everything that can have an address and a port of ours. */
export interface EndsInUse {
  readonly connections: ConnectionTable<Tcb>;
  readonly halfOpen: SynQueue;
  readonly timeWait: TimeWaitTable;
  readonly listeners: Listeners;
}

/** Chooses our end of a connection. */
export class LocalEnds {
  readonly #ip: IpLayer;
  readonly #ports: EphemeralPorts;
  readonly #inUse: EndsInUse;

  constructor(ip: IpLayer, ports: EphemeralPorts, inUse: EndsInUse) {
    this.#ip = ip;
    this.#ports = ports;
    this.#inUse = inUse;
  }

  /** Our end of a connection to `remote`. Throws ERR_NO_ROUTE, ERR_ADDRESS_IN_USE or ERR_LIMIT. */
  towards(
    remote: SocketAddress,
    wanted: { localAddress?: IpAddress; localPort?: number },
    now: Instant,
  ): SocketAddress {
    const address = this.#addressFor(remote, wanted.localAddress);
    return { address, port: this.#portFor(address, remote, wanted.localPort, now) };
  }

  /** A port that nobody listens on, or undefined. */
  portToListenOn(): number | undefined {
    return this.#ports.random((candidate) => this.#inUse.listeners.has(candidate));
  }

  #addressFor(remote: SocketAddress, wanted: IpAddress | undefined): IpAddress {
    const { address } = remote;
    const from = wanted ?? this.#ip.sourceFor(address);
    if (!from)
      throw new TunnelError('ERR_NO_ROUTE', `This tunnel has no IPv${address.version} address.`, {
        leg: 'inside',
      });
    if (from.version !== address.version || !this.#ip.isLocal(from))
      throw new TunnelError(
        'ERR_NO_ROUTE',
        `${from} is not an IPv${address.version} address of this tunnel.`,
        { leg: 'inside', reason: 'not-ours' },
      );
    if (!this.#ip.isUnicast(address))
      throw new TunnelError('ERR_NO_ROUTE', `${address} is not the address of one host.`, { leg: 'inside' });
    if (!this.#ip.hasRoute(address))
      throw new TunnelError('ERR_NO_ROUTE', `No peer's allowed IPs cover ${address}.`, { leg: 'inside' });
    return from;
  }

  #portFor(address: IpAddress, remote: SocketAddress, wanted: number | undefined, now: Instant): number {
    if (wanted) {
      if (!this.#isTaken({ address, port: wanted }, remote, now)) return wanted;
      const where = printSocketAddress({ address, port: wanted });
      throw new TunnelError(
        'ERR_ADDRESS_IN_USE',
        `${where} is connected to ${printSocketAddress(remote)} already.`,
      );
    }
    let tries = 0;
    let connected: ReadonlySet<number> | undefined;
    const port = this.#ports.next(address, remote.address, remote.port, (candidate) => {
      if (++tries === MANY_PORTS) connected = this.#portsTo(remote, address);
      return (
        connected?.has(candidate) ||
        this.#inUse.listeners.has(candidate) ||
        this.#isTaken({ address, port: candidate }, remote, now)
      );
    });
    if (port) return port;
    throw new TunnelError(
      'ERR_LIMIT',
      `All local ports are connected to ${printSocketAddress(remote)} already.`,
    );
  }

  /** The ports of `address` that are connected to `remote`. */
  #portsTo(remote: SocketAddress, address: IpAddress): ReadonlySet<number> {
    const ports = new Set<number>();
    for (const tcb of this.#inUse.connections.entries())
      if (
        tcb.remotePort === remote.port &&
        tcb.remoteAddress.equals(remote.address) &&
        tcb.localAddress.equals(address)
      )
        ports.add(tcb.localPort);
    return ports;
  }

  #isTaken(local: SocketAddress, remote: SocketAddress, now: Instant): boolean {
    if (this.#inUse.connections.has(local, remote) || this.#inUse.halfOpen.get(local, remote) !== NO_ROW)
      return true;
    const record = this.#inUse.timeWait.get(local, remote);
    return record !== NO_ROW && !this.#inUse.timeWait.isReusable(record, now);
  }
}
