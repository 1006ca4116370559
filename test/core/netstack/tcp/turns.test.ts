import { expect, it } from 'vitest';
import { IpAddress } from '../../../../src/core/address.ts';
import { LoneStack, OUR_V4, PEER_V4 } from '../../../support/lone-stack.ts';

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
  return { connections, round };
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
