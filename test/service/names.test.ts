// Connections by name as the service makes them, on a stack that reaches itself only. Nothing happens but what somebody
// asked for: there is no timer that could make up for a turn that was forgotten.
import { MessageChannel, type MessagePort as NodePort } from 'node:worker_threads';
import { afterEach, expect, it } from 'vitest';
import type { StreamMessage } from '../../src/bridge/stream-port.ts';
import { IpAddress } from '../../src/core/address.ts';
import type { Driver } from '../../src/core/driver.ts';
import type { TcpListener } from '../../src/core/netstack/tcp/listener.ts';
import type { Pollable } from '../../src/core/time.ts';
import { openLocalChannel } from '../../src/node/local-channel.ts';
import { Noted } from '../../src/service/noted.ts';
import { Sockets } from '../../src/service/sockets.ts';
import { LoneStack, OUR_V4, PEER_V4 } from '../support/lone-stack.ts';
import { addressBytes, concat, u16, u32, udpPacket } from '../support/packets.ts';

class Place {
  readonly lone = new LoneStack();
  readonly noted = new Noted();
  readonly others = new Set<Pollable>();
  readonly sockets: Sockets;
  readonly listener: TcpListener;
  /** What the engine sent to the page. */
  readonly messages: StreamMessage[] = [];
  readonly #ports: NodePort[] = [];
  #isSettling = false;

  constructor() {
    const driver = {
      now: () => this.lone.now,
      add: (other: Pollable) => this.others.add(other),
      remove: (other: Pollable) => this.others.delete(other),
      settle: this.settle,
    };
    this.sockets = new Sockets(this.lone.stack, driver as unknown as Driver, this.noted, openLocalChannel);
    this.listener = this.lone.stack.listenTcp({ port: 80 }, this.lone.now);
  }

  /** As the driver does it. */
  readonly settle = (): void => {
    if (this.#isSettling) return;
    this.#isSettling = true;
    do {
      this.lone.poll();
      for (const other of this.others) if (other.pollAt() <= this.lone.now) other.poll(this.lone.now);
      this.noted.drain(this.lone.now);
    } while (this.lone.stack.pollAt() <= this.lone.now);
    this.#isSettling = false;
  };

  /** The page gives credit at once, as it does. */
  connect(name: string, port = 80, timeout?: number) {
    const { port1, port2 } = new MessageChannel();
    this.#ports.push(port1, port2);
    port2.on('message', (message: StreamMessage) => this.messages.push(message));
    port2.postMessage({ type: 'credit', bytes: 1000 } satisfies StreamMessage);
    const opened = this.sockets.connectTcp(
      {
        remoteAddress: name,
        remotePort: port,
        dnsQueryType: 'ipv4',
        ...(timeout !== undefined && { timeout }),
      },
      port1 as unknown as MessagePort,
    );
    return { opened, page: port2 };
  }

  close(): void {
    for (const port of this.#ports) port.close();
  }
}

let place: Place;
afterEach(() => place.close());

/** Lets the DNS query that left be answered with our own address. */
function answerQuery(): void {
  const [packet] = place.lone.take();
  const query = packet!.subarray(28);
  const question = query.subarray(12, query.indexOf(0, 12) + 5);
  const record = concat(Uint8Array.of(0xc0, 12), u16(1), u16(1), u32(60), u16(4), addressBytes(OUR_V4));
  const counts = [1, 1, 0, 0].map(u16);
  const data = concat(query.subarray(0, 2), u16(0x8180), ...counts, question, record);
  const destinationPort = packet![20]! * 256 + packet![21]!;
  place.lone.receive(
    udpPacket({ source: PEER_V4, destination: OUR_V4, sourcePort: 53, destinationPort, data }),
  );
}

it('a connection by name is given credit, and gives what comes, without being asked again', async () => {
  place = new Place();
  const servers = [IpAddress.parse(PEER_V4)!];
  place.lone.stack.names.configure({ servers, searchDomains: [] }, place.lone.now);
  const { opened } = place.connect('self.example');
  // The page's credit is there before the connection.
  for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
  answerQuery();
  place.settle();
  expect((await opened).remote).toEqual({ address: OUR_V4, port: 80 });
  await expect.poll(() => place.messages.map(({ type }) => type)).toEqual(['credit']);
  expect(place.listener.accept()!.write(Uint8Array.of(1, 2, 3))).toBe(3);
  place.settle();
  await expect.poll(() => place.messages.at(-1)).toEqual({ type: 'data', bytes: Uint8Array.of(1, 2, 3) });
});

/** A name whose host says nothing. */
function silent(timeout?: number) {
  const hosts = new Map([['silent', [IpAddress.parse('10.0.0.1')!]]]);
  place.lone.stack.names.configure({ servers: [], searchDomains: [], hosts }, place.lone.now);
  const attempt = place.connect('silent', 80, timeout);
  expect(place.lone.stack.tcp.connectionCount).toBe(1);
  return attempt;
}

it('a page that changes its mind ends the attempt', async () => {
  place = new Place();
  const { opened, page } = silent();
  page.postMessage({ type: 'abort' } satisfies StreamMessage);
  await expect(opened).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  expect(place.lone.stack.tcp.connectionCount).toBe(0);
  expect(place.others.size).toBe(0);
});

it('a time limit ends it, too', async () => {
  place = new Place();
  const { opened } = silent(500);
  place.lone.now += 499;
  place.settle();
  expect(place.lone.stack.tcp.connectionCount).toBe(1);
  place.lone.now += 1;
  place.settle();
  await expect(opened).rejects.toMatchObject({ code: 'ERR_TIMEOUT', retryable: true });
  expect(place.lone.stack.tcp.connectionCount).toBe(0);
  expect(place.others.size).toBe(0);
});

it('and so does the end of the tunnel', async () => {
  place = new Place();
  const { opened } = silent();
  await place.sockets.finish(0);
  await expect(opened).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  expect(place.lone.stack.tcp.connectionCount).toBe(0);
});
