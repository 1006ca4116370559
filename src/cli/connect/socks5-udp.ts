import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { IpAddress, unmapped } from '../../core/address.ts';
import { type Place, printPlace } from '../places.ts';
import type { Inside } from './inside.ts';
import { readEnvelope, writeEnvelope } from './socks5-wire.ts';

/** Destinations of one association; the one that was longest silent makes room for another. */
const MAX_FLOWS = 64;
/** Associations of this process; each holds a UDP port of this machine. */
const MAX_ASSOCIATIONS = 128;
/** Datagrams of one flow that may wait for the tunnel. */
const MAX_WAITING = 256;
/** Milliseconds of silence after which a flow ends (RFC 4787 §4.3 asks a NAT for two minutes at least). */
const IDLE = 120_000;

let associations = 0;

/**
 * UDP ASSOCIATE (RFC 1928 §7): a UDP port beside the TCP connection that asked for it, and only for that client, as long as
 * that connection lives. Returns where the port is; rejects when there are too many.
 */
export async function associate(client: Socket, inside: Inside, from: Place): Promise<Place> {
  const { localAddress, remoteAddress } = client;
  // One that is gone already says no more that it is: its place would never be free again.
  if (client.destroyed || localAddress === undefined || remoteAddress === undefined)
    throw new Error('The client is gone.');
  if (associations >= MAX_ASSOCIATIONS) throw new Error('There are too many associations.');
  associations++;
  const local = plain(localAddress);
  const socket = createSocket(local.includes(':') ? 'udp6' : 'udp4');
  const association = new Association(socket, inside, { host: plain(remoteAddress), port: from.port });
  client.once('close', () => {
    associations--;
    association.close();
  });
  client.once('end', () => client.end()).resume();
  socket.bind(0, local);
  await once(socket, 'listening');
  return { host: local, port: socket.address().port };
}

class Association {
  readonly #socket: UdpSocket;
  readonly #inside: Inside;
  /** Port 0: whichever the first datagram comes from. */
  #client: Place;
  /** By destination, those used last at the end. */
  readonly #flows = new Map<string, Flow>();

  constructor(socket: UdpSocket, inside: Inside, client: Place) {
    this.#socket = socket;
    this.#inside = inside;
    this.#client = client;
    socket.on('error', () => {});
    socket.on('message', (bytes, sender) => this.#receive(bytes, sender));
  }

  close(): void {
    for (const flow of this.#flows.values()) flow.close();
    this.#socket.close();
  }

  #receive(bytes: Buffer, { address, port }: RemoteInfo): void {
    if (plain(address) !== this.#client.host) return;
    const envelope = readEnvelope(bytes);
    if (!envelope || envelope.remote.port === 0) return;
    if (this.#client.port === 0) this.#client = { host: this.#client.host, port };
    if (this.#client.port === port)
      this.#flow(envelope.remote).send(new Uint8Array(bytes.subarray(envelope.dataAt)));
  }

  #flow(remote: Place): Flow {
    const name = printPlace(remote);
    const flow = this.#flows.get(name) ?? this.#open(name, remote);
    this.#flows.delete(name);
    this.#flows.set(name, flow);
    if (this.#flows.size > MAX_FLOWS) this.#flows.values().next().value!.close();
    return flow;
  }

  #open(name: string, remote: Place): Flow {
    const flow = new Flow(this.#inside, remote, (from, data) => {
      this.#socket.send(writeEnvelope(from, data), this.#client.port, this.#client.host);
    });
    flow.whenOver = () => {
      if (this.#flows.get(name) === flow) this.#flows.delete(name);
    };
    return flow;
  }
}

/** Datagrams of one association to one destination inside, which may be a name, and back. */
class Flow {
  whenOver = () => {};
  readonly #over = new AbortController();
  readonly #idle: NodeJS.Timeout;
  /** What came before the socket was open. */
  readonly #early: Uint8Array<ArrayBuffer>[] = [];
  #writer: WritableStreamDefaultWriter<{ data: Uint8Array<ArrayBuffer> }> | undefined;
  #waiting = 0;

  constructor(inside: Inside, { host, port }: Place, answer: (from: Place, data: Uint8Array) => void) {
    this.#idle = setTimeout(() => this.close(), IDLE);
    this.#run(inside, { host, port }, answer).catch(() => this.close());
  }

  /** What finds no room is lost, as on any network. */
  send(data: Uint8Array<ArrayBuffer>): void {
    this.#idle.refresh();
    if (this.#waiting >= MAX_WAITING || this.#over.signal.aborted) return;
    this.#waiting++;
    if (this.#writer) this.#write(data);
    else this.#early.push(data);
  }

  close(): void {
    if (this.#over.signal.aborted) return;
    clearTimeout(this.#idle);
    this.#over.abort();
    this.whenOver();
  }

  #write(data: Uint8Array<ArrayBuffer>): void {
    this.#writer!.write({ data }).then(
      () => this.#waiting--,
      () => this.close(),
    );
  }

  async #run(
    inside: Inside,
    { host, port }: Place,
    answer: (from: Place, data: Uint8Array) => void,
  ): Promise<void> {
    const { signal } = this.#over;
    const socket = new inside.UDPSocket({ remoteAddress: host, remotePort: port, signal });
    const { readable, writable, remoteAddress } = await socket.opened;
    this.#writer = writable.getWriter();
    for (const promise of [this.#writer.closed, this.#writer.ready]) promise.catch(() => {});
    for (const data of this.#early.splice(0)) this.#write(data);
    for await (const { data } of readable as unknown as AsyncIterable<{ data: Uint8Array }>) {
      this.#idle.refresh();
      answer({ host: remoteAddress!, port }, data);
    }
  }
}

/** `::ffff:127.0.0.1`, as a socket for both families names it, is 127.0.0.1. */
function plain(host: string): string {
  const address = IpAddress.parse(host.replace(/%.*$/, ''));
  return address?.version === 6 && unmapped(address) !== address ? unmapped(address).toString() : host;
}
