import { describe, expect, it } from 'vitest';
import { IpAddress } from '../../../../src/core/address.ts';
import { PAGE_SIZE, type PagePool } from '../../../../src/core/netstack/page-pool.ts';
import { LoneStack, OUR_V4, PEER_V4 } from '../../../support/lone-stack.ts';

const ignore = () => {};

/** Connections to a peer over a way that is full after so many packets, which the peer takes before the next round. */
function overNarrowWay(ports: readonly number[], packets: number) {
  const we = new LoneStack();
  const peer = new LoneStack({ addresses: [`${PEER_V4}/24`], seed: 2 });
  Object.defineProperty(we, 'congested', { get: () => we.sent.length >= packets });
  for (const port of ports) peer.stack.listenTcp({ port }, peer.now);
  const remote = (port: number) => ({ address: IpAddress.parse(PEER_V4)!, port });
  const connections = ports.map((port) => we.stack.connectTcp(remote(port), { noDelay: true }, we.now));
  /** Returns the ports to which bytes went, one entry a segment. */
  const round = (): number[] => {
    we.now = peer.now += 10;
    we.poll();
    const sent = we.take();
    for (const packet of peer.exchange(...sent)) we.receive(packet);
    return sent.filter(({ length }) => length > 52).map((packet) => (packet[22]! << 8) | packet[23]!);
  };
  for (let i = 0; i < 10; i++) round();
  for (const { state, local } of connections)
    expect([state, `${local.address}`]).toEqual(['ESTABLISHED', OUR_V4]);
  return { connections, round, pages: we.stack.tcp.pages };
}

it('a keystroke does not wait until a bulk flow is done', () => {
  const { connections, round } = overNarrowWay([80, 81], 4);
  const [bulk, keys] = connections;
  bulk!.write(new Uint8Array(60_000));
  for (let i = 0; i < 3; i++) expect(round()).toEqual([80, 80, 80, 80]);
  keys!.write(new Uint8Array(10));
  expect([...round(), ...round()]).toContain(81);
});

it('bulk flows take turns', () => {
  const { connections, round } = overNarrowWay([80, 81, 82], 4);
  for (const connection of connections) connection.write(new Uint8Array(60_000));
  const first = Array.from({ length: 6 }, () => round()[0]);
  expect(first.slice(0, 3).sort()).toEqual([80, 81, 82]);
  expect(first.slice(3).sort()).toEqual([80, 81, 82]);
});

describe('writers who share what little memory is left', () => {
  /** So many pages are left before pressure is critical. */
  function leave(pages: PagePool, free: number): number[] {
    const taken: number[] = [];
    while (pages.share > (free * PAGE_SIZE) / 4) taken.push(pages.take());
    return taken;
  }

  it('have about the same each, who comes last too', () => {
    const { connections, pages } = overNarrowWay([80, 81, 82, 83], 4);
    leave(pages, 60);
    const taken = connections.map((connection) => connection.write(new Uint8Array(1 << 20)));
    const most = Math.max(...taken);
    expect(most).toBeLessThanOrEqual(60 * 1024);
    expect(Math.min(...taken)).toBeGreaterThan(most / 3);
    expect(pages.pressure).not.toBe('critical');
  });

  it('are all told when there is some again, and none of them is forgotten who gets none of it', () => {
    const { connections, pages, round } = overNarrowWay([80, 81, 82], 4);
    const taken = leave(pages, 0);
    const wrote = connections.map(() => 0);
    connections.forEach((connection, n) => {
      const write = () => void (wrote[n]! += connection.write(new Uint8Array(3000)));
      connection.observer = { connected: ignore, readable: ignore, closed: ignore, writable: write };
      write();
    });
    expect(wrote).toEqual([0, 0, 0]);
    pages.release(taken.pop()!);
    round();
    expect(wrote.filter((bytes) => bytes > 0)).toHaveLength(1);
    for (let i = 0; i < 5; i++) round();
    expect(Math.min(...wrote)).toBeGreaterThan(0);
  });
});
