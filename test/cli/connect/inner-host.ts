// Two tunnels that speak to each other, and TCP and UDP services of the far one's.
import type { Duplex } from 'node:stream';
import { StreamDuplex } from '../../../src/node/stream-duplex.ts';
import { openTunnelPair, type TunnelPair } from '../../support/tunnel-pair.ts';

export class InnerHost {
  /** Of the far tunnel. */
  readonly address = '10.8.0.2';
  readonly address6 = 'fd08::2';
  readonly pair: TunnelPair;

  private constructor(pair: TunnelPair) {
    this.pair = pair;
  }

  static async up(): Promise<InnerHost> {
    return new InnerHost(await openTunnelPair());
  }

  /** Serves TCP connections to a port of it. */
  async serve(localPort: number, handler: (socket: Duplex) => void): Promise<void> {
    const { readable } = await new this.pair.them.TCPServerSocket('::', { localPort }).opened;
    void (async () => {
      for await (const socket of readable as unknown as AsyncIterable<
        InstanceType<typeof this.pair.them.TCPSocket>
      >) {
        const duplex = new StreamDuplex(await socket.opened);
        duplex.on('error', () => {});
        handler(duplex);
      }
    })().catch(() => {});
  }

  async echo(localPort: number): Promise<void> {
    await this.serve(localPort, (socket) => socket.pipe(socket));
  }

  async udpEcho(localPort: number): Promise<void> {
    for (const localAddress of ['0.0.0.0', '::']) {
      const { readable, writable } = await new this.pair.them.UDPSocket({
        localAddress,
        localPort,
        ...(localAddress === '::' && { ipv6Only: true }),
      }).opened;
      readable.pipeTo(writable).catch(() => {});
    }
  }

  async down(): Promise<void> {
    await this.pair.close();
  }
}
