import type { DropCounters } from '../core/counters.ts';
import type { Endpoint } from '../core/endpoint.ts';
import type { PacketBuffer } from '../core/packet-buffer.ts';
import type { DatagramReceiver, DatagramTransport, TransportDropReason } from '../core/transport.ts';

/** Sees every datagram that passes, lent. Only takes note. */
export interface TransportWatcher {
  sent(datagram: PacketBuffer, to: Endpoint): void;
  /** Before it is opened, which happens in place. */
  received(datagram: PacketBuffer, from: Endpoint): void;
}

/** A transport as it is, and somebody who watches. */
export class WatchedTransport implements DatagramTransport {
  readonly #transport: DatagramTransport;
  readonly #watcher: TransportWatcher;
  readonly listenOn?: (port: number) => Promise<void>;

  constructor(transport: DatagramTransport, watcher: TransportWatcher) {
    this.#transport = transport;
    this.#watcher = watcher;
    if (transport.listenOn) this.listenOn = (port) => transport.listenOn!(port);
  }

  get receiver(): DatagramReceiver | undefined {
    return this.#transport.receiver;
  }

  set receiver(receiver: DatagramReceiver | undefined) {
    this.#transport.receiver = receiver && {
      receiveDatagram: (datagram, from) => {
        this.#watcher.received(datagram, from);
        receiver.receiveDatagram(datagram, from);
      },
      endBatch: () => receiver.endBatch(),
      reconnected: () => receiver.reconnected(),
      handshakeNeeded: (endpoint) => receiver.handshakeNeeded(endpoint),
      uncongested: () => receiver.uncongested(),
      transportState: (state) => receiver.transportState(state),
    };
  }

  endpointFor(host: string, port: number): Endpoint {
    return this.#transport.endpointFor(host, port);
  }

  release(endpoint: Endpoint): void {
    this.#transport.release(endpoint);
  }

  send(datagram: PacketBuffer, endpoint: Endpoint): void {
    this.#watcher.sent(datagram, endpoint);
    this.#transport.send(datagram, endpoint);
  }

  flush(): void {
    this.#transport.flush();
  }

  get congested(): boolean {
    return this.#transport.congested;
  }

  get takesShort(): boolean {
    return this.#transport.takesShort ?? false;
  }

  get drops(): DropCounters<TransportDropReason> {
    return this.#transport.drops;
  }

  get localPort(): number | undefined {
    return this.#transport.localPort;
  }

  close(): void {
    this.#transport.close();
  }
}
