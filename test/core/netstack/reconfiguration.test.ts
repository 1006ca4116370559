// Other addresses and another MTU while sockets live.
import { beforeEach, describe, expect, it } from 'vitest';
import { IpAddress, IpPrefix } from '../../../src/core/address.ts';
import { TunnelError } from '../../../src/core/errors.ts';
import { MAX_MTU } from '../../../src/core/netstack/ip-output.ts';
import type { TcpConnection } from '../../../src/core/netstack/tcp/connection.ts';
import { LoneStack } from '../../support/lone-stack.ts';

const OURS = '10.0.0.2';
const SECOND = '10.0.0.3';
const SIXTH = 'fd00::2';

let us: LoneStack;
let them: LoneStack;

beforeEach(() => {
  us = new LoneStack({ addresses: [`${OURS}/24`, `${SECOND}/24`, `${SIXTH}/64`], seed: 1 });
  them = new LoneStack({ addresses: ['10.0.0.1/24', 'fd00::1/64'], seed: 2 });
});

/** Carries packets to and fro until nobody sends any more, and says how long the longest of ours was. */
function pump(): number {
  let longest = 0;
  for (let round = 0; round < 200; round++) {
    us.poll();
    them.poll();
    const [out, back] = [us.take(), them.take()];
    if (out.length + back.length === 0) {
      if (round > 1 && us.stack.pollAt() > us.now && them.stack.pollAt() > them.now) return longest;
      us.now += 10;
      them.now += 10;
      if (round > 100) return longest;
    }
    for (const packet of out) {
      longest = Math.max(longest, packet.length);
      them.receive(packet);
    }
    for (const packet of back) us.receive(packet);
  }
  return longest;
}

function connect(from: string, to = '10.0.0.1', port = 80): [TcpConnection, TcpConnection] {
  const listener = them.stack.listenTcp({ port, address: address('::') }, them.now);
  const ours = us.stack.connectTcp({ address: address(to), port }, { localAddress: address(from) }, us.now);
  pump();
  const theirs = listener.accept()!;
  expect(ours.state).toBe('ESTABLISHED');
  expect(theirs.state).toBe('ESTABLISHED');
  return [ours, theirs];
}

function address(text: string): IpAddress {
  return IpAddress.parse(text)!;
}

function prefixes(...texts: string[]): IpPrefix[] {
  return texts.map((text) => IpPrefix.parse(text)!);
}

function talks([a, b]: [TcpConnection, TcpConnection], length = 3000): boolean {
  const bytes = new Uint8Array(length).fill(7);
  a.write(bytes);
  pump();
  return b.readInto(new Uint8Array(length)) === length;
}

describe('other addresses', () => {
  it('reset the connections from those that are gone, at both ends, with a reason; others live on', () => {
    const [gone, goneThere] = connect(OURS);
    const stays = connect(SECOND, '10.0.0.1', 81);
    const sixth = connect(SIXTH, 'fd00::1', 82);
    expect(us.stack.setAddresses(prefixes(`${SECOND}/24`, `${SIXTH}/64`, '10.0.0.9/24'))).toBe(1);
    pump();
    expect([gone.state, goneThere.state]).toEqual(['CLOSED', 'CLOSED']);
    expect(gone.error).toBeInstanceOf(TunnelError);
    expect(gone.error).toMatchObject({ code: 'ERR_CONNECTION_RESET' });
    expect(gone.error!.message).toContain(`${OURS} is no longer an address of this tunnel`);
    expect(talks(stays) && talks(sixth)).toBe(true);
    expect(connect('10.0.0.9', '10.0.0.1', 83)[0].local.address.toString()).toBe('10.0.0.9');
  });

  it('end a connection that is only being made, without a word to the other side', () => {
    const ours = us.stack.connectTcp({ address: address('10.0.0.1'), port: 80 }, {}, us.now);
    us.poll();
    us.take();
    us.stack.setAddresses(prefixes(`${SIXTH}/64`));
    us.poll();
    expect(us.take()).toEqual([]);
    expect(ours.error?.message).toContain('no longer an address');
  });

  it('are the same ones in another order: nothing ends', () => {
    const stays = connect(OURS);
    expect(us.stack.setAddresses(prefixes(`${SIXTH}/64`, `${SECOND}/24`, `${OURS}/24`))).toBe(0);
    expect(talks(stays)).toBe(true);
  });

  it('fail a UDP binding to one that is gone, and its messages stay here', () => {
    const errors: TunnelError[] = [];
    const bound = us.stack.bindUdp({ address: address(OURS), port: 5000 });
    const wild = us.stack.bindUdp({ port: 5001 });
    for (const binding of [bound, wild])
      binding.observer = { readable: () => {}, failed: (error) => void errors.push(error) };
    const to = { address: address('10.0.0.1'), port: 53 };
    bound.send(Uint8Array.of(1), to);
    expect(us.stack.setAddresses(prefixes(`${SECOND}/24`))).toBe(1);
    us.poll();
    expect(us.take()).toEqual([]);
    expect(errors.map(({ code }) => code)).toEqual(['ERR_NO_ROUTE']);
    expect(() => bound.send(Uint8Array.of(2), to)).toThrow(
      '10.0.0.2 is no longer an address of this tunnel.',
    );
    wild.send(Uint8Array.of(3), to);
    us.poll();
    const [packet] = us.take();
    expect(packet!.slice(12, 16).join('.')).toBe(SECOND);
    // Back again, it says what it is told now, and nothing of what it could not say then.
    us.stack.setAddresses(prefixes(`${OURS}/24`));
    bound.send(Uint8Array.of(4), to);
    us.poll();
    expect(us.take().map((one) => one.at(-1))).toEqual([4]);
  });

  it('leave a listener where it is, for the address may come back', () => {
    const listener = us.stack.listenTcp({ address: address(OURS), port: 22 }, us.now);
    us.stack.setAddresses(prefixes(`${SECOND}/24`));
    us.stack.setAddresses(prefixes(`${OURS}/24`));
    them.stack.connectTcp({ address: address(OURS), port: 22 }, {}, them.now);
    pump();
    expect(listener.accept()?.state).toBe('ESTABLISHED');
  });
});

describe('another MTU', () => {
  it('is obeyed by the next segment of connections that exist, and nothing is lost', () => {
    const pair = connect(OURS);
    expect(talks(pair, 20_000)).toBe(true);
    us.stack.setMtu(600);
    expect(pair[0].info().mss).toBe(600 - 40 - 12);
    pair[0].write(new Uint8Array(20_000).fill(9));
    expect(pump()).toBe(600);
    expect(pair[1].readInto(new Uint8Array(20_000))).toBe(20_000);
  });

  it('is obeyed by what was in flight and has to be sent again', () => {
    const [ours, theirs] = connect(OURS);
    ours.write(new Uint8Array(10_000).fill(9));
    us.poll();
    expect(us.take().length).toBeGreaterThan(5);
    us.stack.setMtu(576);
    for (let i = 0; i < 40; i++) {
      us.now += 100;
      them.now += 100;
      expect(pump()).toBeLessThanOrEqual(576);
    }
    expect(theirs.readInto(new Uint8Array(10_000))).toBe(10_000);
  });

  it('that is larger is obeyed too, as far as the peer takes it', () => {
    us.stack.setMtu(1000);
    const [old] = connect(OURS);
    us.stack.setMtu(1400);
    expect(old.info().mss).toBe(1400 - 40 - 12);
    expect(connect(OURS, '10.0.0.1', 81)[0].info().mss).toBe(1400 - 40 - 12);
  });

  it('above what there is room for is refused', () => {
    expect(() => us.stack.setMtu(MAX_MTU + 1)).toThrow(RangeError);
    expect(talks(connect(OURS))).toBe(true);
  });
});
