// A tunnel that stands in for the hosts beyond it: what its peers send to them is decided here, connection by connection.
import type { Duplex } from 'node:stream';
import type { ListenerMessage } from '../bridge/api.ts';
import { adoptTcpSocket } from '../client/tcp-socket.ts';
import { IpAddress, type SocketAddress } from '../core/address.ts';
import { MINUTE } from '../core/time.ts';
import { NodeEngine } from './engine.ts';
import { ForeignTraffic, type JudgeForeign } from './foreign-traffic.ts';
import { type NodeTunnelOptions, Tunnel } from './index.ts';
import { openLocalChannel } from './local-channel.ts';
import { BreakableDuplex } from './stream-duplex.ts';

export type { ForeignKind, ForeignPacket, ForeignVerdict, JudgeForeign } from './foreign-traffic.ts';

/** A peer's connection to a host beyond the tunnel, for which a SYN was let through. */
export interface ForeignConnection {
  readonly from: SocketAddress;
  readonly to: SocketAddress;
  /** Destroyed before both its ends, it is reset. */
  readonly stream: Duplex;
}

export interface Gatekeeper {
  readonly judge: JudgeForeign;
  accepted(connection: ForeignConnection): void;
}

/** A peer that is silent for so long is asked whether it is still there. */
const KEEP_ALIVE_DELAY = 2 * MINUTE;
/** Accepts that are on their way at a time. */
const ACCEPT_CREDIT = 64;

export class GatewayTunnel {
  readonly tunnel: Tunnel;
  readonly #traffic: ForeignTraffic;

  private constructor(tunnel: Tunnel, traffic: ForeignTraffic) {
    this.tunnel = tunnel;
    this.#traffic = traffic;
  }

  /** Rejects as `Tunnel.open` does. */
  static async open(
    config: string,
    { outerCapture, ...options }: NodeTunnelOptions,
    keeper: Gatekeeper,
  ): Promise<GatewayTunnel> {
    let engine: NodeEngine | undefined;
    const launch = async () => {
      engine = await NodeEngine.start({ outerCapture });
      return engine.client;
    };
    const tunnel = await Tunnel.openWith(launch, config, options, { needsRelay: false });
    const { core, driver } = engine!.service.parts;
    const traffic = new ForeignTraffic({ stack: core.stack, driver, judge: keeper.judge });
    acceptAll(engine!, (connection) => keeper.accepted(connection));
    return new GatewayTunnel(tunnel, traffic);
  }

  /** Sends a copy of `data` as if `from`, a host beyond the tunnel, had. */
  sendDatagram(from: SocketAddress, to: SocketAddress, data: Uint8Array): void {
    this.#traffic.sendDatagram(from, to, data);
  }

  async close(): Promise<void> {
    this.#traffic.close();
    await this.tunnel.close();
  }
}

function acceptAll({ client, service }: NodeEngine, accepted: (connection: ForeignConnection) => void): void {
  const { near, far } = openLocalChannel();
  near.onmessage = ({ data }: MessageEvent<ListenerMessage>) => {
    if (data.type !== 'accepted') return;
    near.postMessage({ type: 'credit', count: 1 } satisfies ListenerMessage);
    const { remote, local } = data.opened;
    const socket = adoptTcpSocket(client, data);
    socket.opened.then(
      (streams) =>
        accepted({
          from: socketAddressOf(remote),
          to: socketAddressOf(local),
          stream: new BreakableDuplex(streams, () => socket.reset()),
        }),
      () => {},
    );
  };
  const { core, sockets } = service.parts;
  const options = { noDelay: true, keepAliveDelay: KEEP_ALIVE_DELAY };
  sockets.accept(core.stack.tcp.listenForOthers(options), far);
  near.postMessage({ type: 'credit', count: ACCEPT_CREDIT } satisfies ListenerMessage);
}

function socketAddressOf({ address, port }: { address: string; port: number }): SocketAddress {
  return { address: IpAddress.parse(address)!, port };
}
