import { IpAddress } from '../../../../src/core/address.ts';
import type { TcpConnection } from '../../../../src/core/netstack/tcp/connection.ts';
import type { TcpListener } from '../../../../src/core/netstack/tcp/listener.ts';
import type { UdpBinding } from '../../../../src/core/netstack/udp-binding.ts';
import type { Family } from '../../../core/netstack/hostile/family.ts';
import { LoneStack } from '../../../support/lone-stack.ts';
import { type Seen, type Subject, TCP_PORT, UDP_PORT } from './subject.ts';

interface Open extends Seen {
  connection: TcpConnection;
}

/** Our stack, in memory; a new one for each case. */
export class OurSubject implements Subject {
  #lone!: LoneStack;
  #listener!: TcpListener;
  #udp!: UdpBinding;
  readonly #open = new Map<number, Open>();
  readonly #buffer = new Uint8Array(65_536);

  begin(): void {
    this.#open.clear();
    this.#lone = new LoneStack();
    this.#listener = this.#lone.stack.listenTcp({ port: TCP_PORT }, this.#lone.now);
    this.#udp = this.#lone.stack.bindUdp({ port: UDP_PORT });
  }

  /** A new stack knows of none. */
  async forgetPaths(): Promise<void> {}

  async inject(...packets: Uint8Array[]): Promise<Uint8Array[]> {
    const sent: Uint8Array[] = [];
    for (const packet of packets) {
      this.#lone.receive(packet);
      sent.push(...this.#settle());
    }
    return sent;
  }

  async wait(milliseconds: number): Promise<Uint8Array[]> {
    const sent: Uint8Array[] = [];
    const { stack } = this.#lone;
    const end = this.#lone.now + milliseconds;
    while (stack.pollAt() <= end) {
      this.#lone.now = Math.max(this.#lone.now, stack.pollAt());
      sent.push(...this.#settle());
    }
    this.#lone.now = end;
    return sent;
  }

  async connect(family: Family, peerPort: number, localPort: number): Promise<Uint8Array[]> {
    const remote = { address: IpAddress.parse(family.peer)!, port: peerPort };
    this.#add(this.#lone.stack.connectTcp(remote, { localPort }, this.#lone.now));
    return this.#settle();
  }

  async accepted(): Promise<void> {}

  async write(peerPort: number, bytes: number): Promise<Uint8Array[]> {
    this.#open.get(peerPort)!.connection.write(new Uint8Array(bytes));
    return this.#settle();
  }

  async shutdown(peerPort: number): Promise<Uint8Array[]> {
    this.#open.get(peerPort)!.connection.shutdown();
    return this.#settle();
  }

  async seen(peerPort: number): Promise<Seen | undefined> {
    const open = this.#open.get(peerPort);
    return open && { bytes: open.bytes, ended: open.ended, failed: open.failed };
  }

  async messages(): Promise<number[]> {
    const lengths: number[] = [];
    for (let got = this.#udp.receive(); got; got = this.#udp.receive()) lengths.push(got.data.length);
    return lengths;
  }

  async end(): Promise<void> {}

  /** Polls, and lets the application read, as long as there is something to do now. */
  #settle(): Uint8Array[] {
    const { stack, now } = this.#lone;
    do {
      this.#lone.poll();
      for (let taken = this.#listener.accept(); taken; taken = this.#listener.accept()) this.#add(taken);
      for (const open of this.#open.values()) this.#read(open);
    } while (stack.pollAt() <= now);
    return this.#lone.take();
  }

  #add(connection: TcpConnection): void {
    const isOver = connection.state === 'CLOSED';
    const open: Open = {
      connection,
      bytes: 0,
      ended: false,
      failed: isOver && connection.error !== undefined,
    };
    connection.observer = {
      connected: () => {},
      readable: () => {},
      writable: () => {},
      closed: (error) => {
        if (error) open.failed = true;
      },
    };
    this.#open.set(connection.remote.port, open);
    this.#read(open);
  }

  #read(open: Open): void {
    const { connection } = open;
    for (let got = connection.readInto(this.#buffer); got > 0; got = connection.readInto(this.#buffer))
      open.bytes += got;
    if (connection.readEnded) open.ended = true;
  }
}
