// The hostile cases once more, over real UDP: a whole engine in this process is the victim, and somebody else's sockets
// send what they like. Its counters, as the status shows them, tell what it made of it; after each case pings are answered.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromBase64, toBase64 } from '../../src/core/bytes.ts';
import { CookieJar } from '../../src/core/wireguard/cookie.ts';
import type { SentInitiation } from '../../src/core/wireguard/handshake.ts';
import { timestampOf } from '../../src/core/wireguard/tai64n.ts';
import { derivePublicKey, generatePrivateKey, Tunnel } from '../../src/node/index.ts';
import { flipped, lowOrderPoints } from '../core/wireguard/hostile/scene.ts';
import { Opponent, type Session } from '../core/wireguard/opponent.ts';
import { makePacket } from '../core/wireguard/station.ts';
import { freeUdpPort } from '../support/free-port.ts';
import { icmpPacket } from '../support/packets.ts';

const LIMIT = 2n ** 64n - 2n ** 13n - 1n;
const NOTHING = new Uint8Array(0);
const ECHO_REQUEST = 8;

/** A UDP socket on loopback. */
class Wire {
  readonly inbox: { at: number; bytes: Uint8Array }[] = [];
  readonly #socket: Socket;
  readonly #victimPort: number;

  private constructor(socket: Socket, victimPort: number) {
    this.#socket = socket;
    this.#victimPort = victimPort;
    socket.on('message', (bytes) =>
      this.inbox.push({ at: performance.now(), bytes: Uint8Array.from(bytes) }),
    );
  }

  static async open(victimPort: number): Promise<Wire> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new Wire(socket, victimPort);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  send(datagram: Uint8Array): void {
    this.#socket.send(datagram, this.#victimPort, '127.0.0.1');
  }

  /** The next of this type; whatever else comes meanwhile is thrown away. */
  async take(type: number): Promise<Uint8Array> {
    let found: Uint8Array | undefined;
    await until(() => {
      for (let next = this.inbox.shift(); next && !found; next = this.inbox.shift())
        if (next.bytes[0] === type) found = next.bytes;
      return found !== undefined;
    }, `a message of type ${type}`);
    return found!;
  }

  close(): void {
    this.#socket.close();
  }
}

async function until(isSo: () => boolean | Promise<boolean>, what: string, limit = 6000): Promise<void> {
  const end = performance.now() + limit;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

let victim: Tunnel;
let victimKey: Uint8Array;
/** Its configuration, without the caller. */
let config: string;
/** Calls the victim; has the live session. */
let caller: Opponent;
let callerWire: Wire;
/** Is called by the victim, and says nothing for a long time. */
let called: Opponent;
let calledWire: Wire;
/** Nobody. */
let stranger: Wire;
let live: Session;
let lastAnswer = 0;
let echoes = 0;

beforeAll(async () => {
  const privateKey = generatePrivateKey();
  victimKey = fromBase64(derivePublicKey(privateKey))!;
  caller = new Opponent(victimKey, 99);
  called = new Opponent(victimKey, 7);
  const port = await freeUdpPort();
  [callerWire, calledWire, stranger] = await Promise.all([Wire.open(port), Wire.open(port), Wire.open(port)]);
  config = `[Interface]
PrivateKey = ${privateKey}
Address = 10.9.0.2/32, fd09::2/128
ListenPort = ${port}
[Peer]
PublicKey = ${toBase64(called.publicKey)}
AllowedIPs = 10.9.2.0/24
Endpoint = 127.0.0.1:${calledWire.port}
`;
  victim = await Tunnel.open(config + callerConfig());
  victim.ready.catch(() => {});
  live = await confirm(await offer());
});

afterAll(async () => {
  await victim?.close({ timeout: 0 });
  for (const wire of [callerWire, calledWire, stranger]) wire?.close();
});

function callerConfig(): string {
  return `[Peer]
PublicKey = ${toBase64(caller.publicKey)}
AllowedIPs = 10.9.1.0/24, fd09:1::/64
`;
}

/** The status of both, in the order of `peer` in a case. */
async function peerStatus() {
  const { peers } = await victim.status();
  return [caller, called].map(
    (peer) => peers.find(({ publicKey }) => publicKey === toBase64(peer.publicKey))!,
  );
}

// ---- What an honest caller does

/** Initiations of one peer within 20 ms of each other are a flood: the last answer shall be 30 ms ago. */
async function breathe(): Promise<void> {
  await until(() => performance.now() - lastAnswer > 30, 'the last answer to be 30 ms ago');
}

async function takeAnswer(): Promise<Uint8Array> {
  const response = await callerWire.take(2);
  lastAnswer = performance.now();
  return response;
}

async function call(message: Uint8Array): Promise<Uint8Array> {
  await breathe();
  callerWire.inbox.length = 0;
  callerWire.send(message);
  return takeAnswer();
}

/** A session that the victim answered for. */
async function offer(): Promise<Session> {
  const { message, sent } = caller.initiate();
  return caller.complete(sent, await call(message));
}

/** The session takes over. */
async function confirm(session: Session): Promise<Session> {
  live = session;
  await expectEcho(session);
  return session;
}

function echoRequest(data = 20): Uint8Array {
  return icmpPacket({
    source: '10.9.1.1',
    destination: '10.9.0.2',
    type: ECHO_REQUEST,
    rest: ++echoes,
    data: new Uint8Array(data).fill(echoes),
  });
}

/** A ping in, its answer out; `on` is the session that the answer comes on. */
async function expectEcho(session = live, on = session, from = callerWire, extra = NOTHING): Promise<void> {
  const request = echoRequest();
  callerWire.inbox.length = from.inbox.length = 0;
  from.send(caller.seal(session, Uint8Array.from([...request, ...extra])));
  let reply: Uint8Array = NOTHING;
  while (reply.length === 0) reply = caller.open(on, await from.take(4));
  expect(reply.slice(20, 21)).toEqual(Uint8Array.of(0));
  expect(reply.slice(24, request.length)).toEqual(request.slice(24));
}

/** The victim's newest initiation to the one who does not answer, with time enough left until the next. */
async function initiationInFlight(): Promise<Uint8Array> {
  await until(() => {
    const newest = calledWire.inbox.filter(({ bytes }) => bytes[0] === 1).at(-1);
    return newest !== undefined && performance.now() - newest.at < 4500;
  }, 'an initiation');
  return calledWire.inbox.filter(({ bytes }) => bytes[0] === 1).at(-1)!.bytes;
}

// ---- The cases

interface Case {
  /** "over UDP, row N: …". */
  title: string;
  datagram: () => Uint8Array | Promise<Uint8Array>;
  drop: string;
  /** Whose it is, if the victim can know: 0 the caller, 1 the called. */
  peer?: number;
  /** Authentic: the endpoint follows. */
  authentic?: true;
}

async function counters() {
  const { drops } = await victim.status();
  const peers = (await peerStatus()).map((peer) => peer.drops);
  return { device: drops.wireguard, peers, transport: drops.transport };
}

const counted = (drops: Record<string, number>, drop: string) => ({
  ...drops,
  [drop]: (drops[drop] ?? 0) + 1,
});

async function expectRefused({ datagram, drop, peer, authentic }: Case): Promise<void> {
  const hostile = await datagram();
  const before = await counters();
  stranger.inbox.length = 0;
  stranger.send(hostile);
  await until(async () => (await counters()).device[drop] !== before.device[drop], drop);
  // Before the caller's next packet moves it back.
  const endpoints = (await peerStatus()).map((each) => each.endpoint);
  const mover = authentic ? stranger : callerWire;
  expect(endpoints).toEqual([`127.0.0.1:${mover.port}`, `127.0.0.1:${calledWire.port}`]);
  await expectEcho();
  expect(await counters()).toEqual({
    device: counted(before.device, drop),
    peers: before.peers.map((drops, n) => (n === peer ? counted(drops, drop) : drops)),
    transport: before.transport,
  });
  expect(stranger.inbox).toEqual([]);
  expect((await peerStatus())[0]!.endpoint).toBe(`127.0.0.1:${callerWire.port}`);
}

function refuses(table: Case[]): void {
  it.each(table.map((one) => [one.title, one] as const))('%s', (_title, one) => expectRefused(one));
}

const typed = (type: number, size: number) => () => {
  const datagram = new Uint8Array(size);
  datagram[0] = type;
  return datagram;
};
const relabelled = (at: number, value: number) => () => {
  const { message } = caller.initiate();
  message[at] = value;
  return caller.stamp(message);
};
const resized = (size: number) => () => {
  const message = new Uint8Array(size);
  message.set(caller.initiate().message.slice(0, size));
  return caller.stamp(message);
};
const answered = async (timestamp?: Uint8Array) => {
  const { message } = caller.initiate(timestamp);
  await call(message);
  return message;
};

describe('datagrams that are no messages', () => {
  refuses([
    { title: 'over UDP, row 1: nothing', datagram: typed(0, 0), drop: 'malformed' },
    { title: 'over UDP, row 1: three bytes', datagram: typed(4, 3), drop: 'malformed' },
    { title: 'over UDP, row 2: type 0', datagram: typed(0, 148), drop: 'malformed' },
    { title: 'over UDP, row 2: type 5', datagram: typed(5, 148), drop: 'malformed' },
    { title: 'over UDP, row 2: type 255', datagram: typed(255, 92), drop: 'malformed' },
    { title: 'over UDP, row 2: an initiation as response', datagram: relabelled(0, 2), drop: 'malformed' },
    {
      title: 'over UDP, row 2: an initiation as transport',
      datagram: relabelled(0, 4),
      drop: 'unknown_index',
    },
    { title: 'over UDP, row 3: reserved byte 1', datagram: relabelled(1, 1), drop: 'malformed' },
    { title: 'over UDP, row 3: reserved byte 2', datagram: relabelled(2, 1), drop: 'malformed' },
    { title: 'over UDP, row 3: reserved byte 3', datagram: relabelled(3, 1), drop: 'malformed' },
    { title: 'over UDP, row 4: 147 bytes', datagram: resized(147), drop: 'malformed' },
    { title: 'over UDP, row 4: 149 bytes', datagram: resized(149), drop: 'malformed' },
    { title: 'over UDP, row 5: a response of 91 bytes', datagram: typed(2, 91), drop: 'malformed' },
    { title: 'over UDP, row 5: a cookie reply of 63 bytes', datagram: typed(3, 63), drop: 'malformed' },
    { title: 'over UDP, row 5: a cookie reply of 65 bytes', datagram: typed(3, 65), drop: 'malformed' },
    { title: 'over UDP, row 5: transport of 31 bytes', datagram: typed(4, 31), drop: 'malformed' },
  ]);
});

describe('initiations', () => {
  refuses([
    {
      title: 'over UDP, row 6: one bit of mac1 off',
      datagram: () => flipped(caller.initiate().message, 116),
      drop: 'bad_mac1',
    },
    {
      title: 'over UDP, row 7: a right mac1 and a random rest',
      datagram: () => {
        const message = new Uint8Array(148).map(() => caller.index());
        message.set([1, 0, 0, 0]);
        return caller.stamp(message);
      },
      drop: 'bad_static',
    },
    {
      title: 'over UDP, row 8: one bit of the static key off',
      datagram: () => caller.stamp(flipped(caller.initiate().message, 40)),
      drop: 'bad_static',
    },
    {
      title: 'over UDP, row 9: one bit of the timestamp off',
      datagram: () => caller.stamp(flipped(caller.initiate().message, 88)),
      drop: 'bad_timestamp',
      peer: 0,
    },
    {
      title: 'over UDP, row 10: an unknown key',
      datagram: () => new Opponent(victimKey, 55).initiate().message,
      drop: 'unknown_peer',
    },
    {
      title: 'over UDP, row 11: an all-zero ephemeral key',
      datagram: () => caller.initiateWithPoint(new Uint8Array(32)),
      drop: 'bad_static',
    },
    ...lowOrderPoints.map((point, n) => ({
      title: `over UDP, row 12: low-order point ${n + 1}`,
      datagram: () => caller.initiateWithPoint(point),
      drop: 'bad_static',
    })),
    { title: 'over UDP, row 13: a replay', datagram: () => answered(), drop: 'replayed_initiation', peer: 0 },
    {
      title: 'over UDP, row 14: an older timestamp',
      datagram: async () => {
        await answered();
        return caller.initiate(timestampOf(caller.seconds - 2, 0)).message;
      },
      drop: 'replayed_initiation',
      peer: 0,
    },
    {
      title: 'over UDP, row 15: an equal timestamp',
      datagram: async () => {
        await answered();
        return caller.initiate(timestampOf(caller.seconds - 1, 0)).message;
      },
      drop: 'replayed_initiation',
      peer: 0,
    },
    {
      title: 'over UDP, row 18: its own, reflected',
      datagram: initiationInFlight,
      drop: 'bad_mac1',
    },
    {
      title: 'over UDP, row 19: for another device',
      datagram: () => new Opponent(called.publicKey, 5).initiate().message,
      drop: 'bad_mac1',
    },
  ]);

  it('over UDP, row 16: of two in one instant one is answered', async () => {
    await breathe();
    const before = await counters();
    callerWire.inbox.length = 0;
    callerWire.send(caller.initiate().message);
    callerWire.send(caller.initiate().message);
    await takeAnswer();
    await expectEcho();
    const { device, peers } = await counters();
    expect(device).toEqual(counted(before.device, 'initiation_flood'));
    expect(peers[0]).toEqual(counted(before.peers[0]!, 'initiation_flood'));
  });
});

describe('responses', () => {
  const answer = async () => called.answer(await initiationInFlight());
  refuses([
    {
      title: 'over UDP, row 12: an all-zero ephemeral key in a response',
      datagram: async () => called.answerWithPoint(await initiationInFlight(), new Uint8Array(32)),
      drop: 'bad_response',
      peer: 1,
    },
    {
      title: 'over UDP, row 20: an unknown index',
      datagram: async () => called.stamp(flipped((await answer()).message, 8)),
      drop: 'unexpected_response',
    },
    {
      title: "over UDP, row 21: a session's index",
      datagram: async () => {
        const { message } = await answer();
        new DataView(message.buffer).setUint32(8, live.remoteIndex, true);
        return called.stamp(message);
      },
      drop: 'unexpected_response',
    },
    {
      title: 'over UDP, row 22: one bit of the tag off',
      datagram: async () => called.stamp(flipped((await answer()).message, 59)),
      drop: 'bad_response',
      peer: 1,
    },
    {
      title: 'over UDP, row 22: another preshared key',
      datagram: async () => {
        called.presharedKey.fill(9);
        const { message } = await answer();
        called.presharedKey.fill(0);
        return message;
      },
      drop: 'bad_response',
      peer: 1,
    },
    {
      title: 'over UDP, row 22: a bad mac1',
      datagram: async () => flipped((await answer()).message, 60),
      drop: 'bad_mac1',
    },
    {
      title: "over UDP, row 25: from another peer to this one's initiation",
      datagram: async () => {
        const message = new Uint8Array(92).map(() => caller.index());
        message.set([2, 0, 0, 0]);
        message.set((await initiationInFlight()).slice(4, 8), 8);
        return caller.stamp(message);
      },
      drop: 'bad_response',
      peer: 1,
    },
  ]);
});

describe('cookie replies', () => {
  const refusal = async () => called.refuseWithCookie(await initiationInFlight()).reply;
  refuses([
    {
      title: 'over UDP, row 26: an unknown index',
      datagram: async () => flipped(await refusal(), 4),
      drop: 'unexpected_cookie',
    },
    {
      title: 'over UDP, row 26: a wrong tag',
      datagram: async () => flipped(await refusal(), 63),
      drop: 'bad_cookie',
      peer: 1,
    },
    {
      title: 'over UDP, row 26: about another message',
      datagram: async () => {
        const message = (await initiationInFlight()).slice();
        return called.refuseWithCookie(flipped(message, 120)).reply;
      },
      drop: 'bad_cookie',
      peer: 1,
    },
  ]);
});

describe('transport messages', () => {
  /** After a packet with this counter came on a session that is not in use any more, one with that. */
  const aheadOf = (first: bigint, second: bigint) => async () => {
    const session = await confirm(await offer());
    await confirm(await offer());
    const { device } = await counters();
    callerWire.send(caller.seal(session, NOTHING, first));
    await expectEcho();
    expect((await counters()).device).toEqual(device);
    return caller.seal(session, NOTHING, second);
  };
  refuses([
    {
      title: 'over UDP, row 33: an unknown index',
      datagram: () => flipped(caller.seal(live, echoRequest()), 4),
      drop: 'unknown_index',
    },
    {
      title: "over UDP, row 34: a handshake's index",
      datagram: async () => {
        const datagram = caller.seal(live, echoRequest());
        datagram.set((await initiationInFlight()).slice(4, 8), 4);
        return datagram;
      },
      drop: 'unknown_index',
    },
    {
      title: 'over UDP, row 35: one bit of the tag off',
      datagram: () => flipped(caller.seal(live, echoRequest()), -1),
      drop: 'bad_tag',
      peer: 0,
    },
    {
      title: 'over UDP, row 36: a duplicate',
      datagram: async () => {
        const datagram = caller.seal(live, NOTHING);
        callerWire.send(datagram);
        await expectEcho();
        return datagram;
      },
      drop: 'replay',
      peer: 0,
    },
    { title: 'over UDP, row 37: 8129 behind', datagram: aheadOf(10_000n, 1871n), drop: 'replay', peer: 0 },
    {
      title: 'over UDP, row 38: an old one after 2^40',
      datagram: aheadOf(2n ** 40n, 5n),
      drop: 'replay',
      peer: 0,
    },
    {
      title: 'over UDP, row 39: the limit',
      datagram: aheadOf(LIMIT - 1n, LIMIT),
      drop: 'counter_limit',
      peer: 0,
    },
    {
      title: 'over UDP, row 39: the end',
      datagram: aheadOf(LIMIT - 1n, 2n ** 64n - 1n),
      drop: 'counter_limit',
      peer: 0,
    },
    {
      title: 'over UDP, row 42: on `previous` when a new session is offered',
      datagram: async () => {
        const previous = live;
        await confirm(await offer());
        await offer();
        return caller.seal(previous, echoRequest());
      },
      drop: 'unknown_index',
    },
    {
      title: 'over UDP, row 43: on an offer that a newer one replaced',
      datagram: async () => {
        const lost = await offer();
        await offer();
        return caller.seal(lost, echoRequest());
      },
      drop: 'unknown_index',
    },
    {
      title: 'over UDP, row 46: a forgery from a new address',
      datagram: () => flipped(caller.seal(live, echoRequest()), 20),
      drop: 'bad_tag',
      peer: 0,
    },
    {
      title: 'over UDP, row 55: 65,507 bytes that are not authentic',
      datagram: () => flipped(caller.seal(live, makePacket('10.9.1.1', '10.9.0.2', 65_475)), 70),
      drop: 'bad_tag',
      peer: 0,
    },
  ]);

  it('over UDP, row 35: the true packet passes after its forgery', async () => {
    const request = echoRequest();
    const datagram = caller.seal(live, request);
    stranger.send(flipped(datagram, -1));
    callerWire.inbox.length = 0;
    callerWire.send(datagram);
    expect(caller.open(live, await callerWire.take(4)).slice(24, request.length)).toEqual(request.slice(24));
  });

  it('over UDP, row 37: 8128 behind is accepted', async () => {
    const session = await confirm(await offer());
    const { device } = await counters();
    callerWire.send(caller.seal(session, NOTHING, 10_000n));
    callerWire.send(caller.seal(session, NOTHING, 10_000n - 8128n));
    await confirm(await offer());
    expect((await counters()).device).toEqual(device);
  });

  it('over UDP, row 41: on `previous` it is delivered, and the answer comes on `current`', async () => {
    const previous = live;
    const current = await confirm(await offer());
    await expectEcho(previous, current);
    // And row 44: that did not make it current again.
    await expectEcho(current);
  });

  it('over UDP, row 45: from a new address it is delivered, and the answers go there', async () => {
    await expectEcho(live, live, stranger);
    expect((await peerStatus())[0]!.endpoint).toBe(`127.0.0.1:${stranger.port}`);
    await expectEcho();
    expect((await peerStatus())[0]!.endpoint).toBe(`127.0.0.1:${callerWire.port}`);
  });
});

describe('content', () => {
  const inside = (title: string, content: Uint8Array, drop = 'bad_inner'): Case => ({
    title,
    datagram: () => caller.seal(live, content),
    drop,
    peer: 0,
    authentic: true,
  });
  const ipv4Length = (length: number) => {
    const packet = makePacket('10.9.1.1', '10.9.0.2', 40);
    new DataView(packet.buffer).setUint16(2, length);
    return packet;
  };
  const ipv6Length = (length: number) => {
    const packet = makePacket('fd09:1::1', 'fd09::2', 60);
    new DataView(packet.buffer).setUint16(4, length);
    return packet;
  };
  refuses([
    inside('over UDP, row 47: nobody’s source', makePacket('192.0.2.7', '10.9.0.2'), 'disallowed_source'),
    inside('over UDP, row 47: another’s source', makePacket('10.9.2.1', '10.9.0.2'), 'disallowed_source'),
    inside('over UDP, row 49: one byte', Uint8Array.of(0x45)),
    inside('over UDP, row 49: IPv4 of 19 bytes', ipv4Length(20).slice(0, 19)),
    inside('over UDP, row 49: IPv6 of 39 bytes', ipv6Length(0).slice(0, 39)),
    inside('over UDP, row 49: version 0', new Uint8Array(64).fill(0x05)),
    inside('over UDP, row 49: version 5', new Uint8Array(64).fill(0x55)),
    inside('over UDP, row 49: version 15', new Uint8Array(64).fill(0xf5)),
    inside('over UDP, row 49: 16 zero bytes', new Uint8Array(16)),
    inside('over UDP, row 50: IPv4 longer than it is', ipv4Length(41)),
    inside('over UDP, row 50: IPv4 of 19', ipv4Length(19)),
    inside('over UDP, row 50: IPv4 of 0', ipv4Length(0)),
    inside('over UDP, row 51: IPv6 of 65535', ipv6Length(65_535)),
  ]);

  it('over UDP, row 48: a keepalive is neither delivered nor answered', async () => {
    const before = await counters();
    callerWire.inbox.length = 0;
    callerWire.send(caller.seal(live, NOTHING));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(callerWire.inbox).toEqual([]);
    await expectEcho();
    expect(await counters()).toEqual(before);
  });

  it('over UDP, row 52: what comes after the packet is trimmed', async () => {
    await expectEcho(live, live, callerWire, new Uint8Array(20).fill(0xaa));
  });

  it('over UDP, row 53: a packet needs no padding', async () => {
    const request = echoRequest(13);
    expect(request.length % 16).not.toBe(0);
    callerWire.inbox.length = 0;
    callerWire.send(caller.seal(live, request));
    expect(caller.open(live, await callerWire.take(4)).slice(24, request.length)).toEqual(request.slice(24));
  });

  it.each([
    ['over UDP, row 54: more than the MTU', 9000],
    ['over UDP, row 55: 65,507 bytes, all right', 65_475],
  ])('%s: it is the stack’s business, and the engine is as it was', async (_title, size) => {
    const { device } = await counters();
    callerWire.send(caller.seal(live, makePacket('10.9.1.1', '10.9.0.2', size)));
    await expectEcho();
    expect((await counters()).device).toEqual(device);
  });
});

describe('in the end', () => {
  let retry: Uint8Array;

  it('over UDP, row 28: a cookie is stored, even from a stranger; the next try has the right mac2', async () => {
    const { reply, mac2 } = called.refuseWithCookie(await initiationInFlight());
    calledWire.inbox.length = 0;
    const before = await counters();
    stranger.send(reply);
    await expectEcho();
    expect(await counters()).toEqual(before);
    expect(calledWire.inbox).toEqual([]);
    // Row 27: one is enough.
    await expectRefused({ title: '', datagram: () => reply, drop: 'unexpected_cookie', peer: 1 });
    retry = await calledWire.take(1);
    expect(retry.slice(132)).toEqual(mac2(retry));
  });

  it('over UDP, rows 22 to 23: the good response is accepted after all the bad ones, and once', async () => {
    const { message, session } = called.answer(retry);
    calledWire.send(message);
    expect(called.open(session, await calledWire.take(4))).toEqual(NOTHING);
    await expectRefused({ title: '', datagram: () => message, drop: 'unexpected_response' });
    expect((await peerStatus())[1]!.handshakeAttempts).toBe(0);
  });

  it('over UDP, row 24: a response that comes after the victim answered our own initiation', async () => {
    // With a third peer, that is called and calls.
    const other = new Opponent(victimKey, 11);
    const wire = await Wire.open(Number((await victim.status()).listenPort));
    const third = `[Peer]\nPublicKey = ${toBase64(other.publicKey)}\nAllowedIPs = 10.9.3.0/24\nEndpoint = 127.0.0.1:${wire.port}\n`;
    await victim.configure(config + callerConfig() + third);
    const late = other.answer(await wire.take(1));
    const { message, sent } = other.initiate();
    wire.send(message);
    const session = other.complete(sent, await wire.take(2));
    wire.send(other.seal(session, NOTHING));
    await expectRefused({ title: '', datagram: () => late.message, drop: 'unexpected_response' });
    wire.close();
  });

  it('over UDP, row 17: after the last of all timestamps no other is accepted, until the peer is removed and added', async () => {
    await answered(new Uint8Array(12).fill(255));
    await breathe();
    await expectRefused({
      title: '',
      datagram: () => caller.initiate().message,
      drop: 'replayed_initiation',
      peer: 0,
    });
    await victim.configure(config);
    await victim.configure(config + callerConfig());
    await confirm(await offer());
  });

  it('over UDP, rows 29 to 31: under load there are cookies, and no more than five at once', async () => {
    const garbage = Array.from({ length: 101 }, () => {
      const message = new Uint8Array(148).map(() => caller.index());
      message.set([1, 0, 0, 0]);
      return caller.stamp(message);
    });
    // In slices, so that the kernel's buffer holds them.
    for (const [n, message] of garbage.entries()) {
      stranger.send(message);
      if (n % 25 === 24) await expectEcho();
    }
    await expectEcho();
    stranger.inbox.length = 0;
    const jar = new CookieJar(called.crypto, victimKey);
    const ask = (): { message: Uint8Array; sent: SentInitiation } => {
      const created = called.initiate();
      jar.stamp(created.message, 0);
      return created;
    };
    // Row 29: to where it came from, 64 bytes.
    stranger.send(ask().message);
    const reply = await stranger.take(3);
    expect(reply).toHaveLength(64);
    expect(jar.consumeReply(reply, 0)).toBe('stored');
    // Row 30: of another port.
    calledWire.inbox.length = 0;
    calledWire.send(ask().message);
    expect(await calledWire.take(3)).toHaveLength(64);
    // Row 31: of the same.
    const { message, sent } = ask();
    stranger.send(message);
    called.complete(sent, await stranger.take(2));
    const before = (await counters()).device;
    stranger.inbox.length = 0;
    const burst = Array.from({ length: 24 }, () => ask().message);
    for (const initiation of burst) stranger.send(initiation);
    const since = async () => {
      const { device } = await counters();
      const more = (drop: string) => (device[drop] ?? 0) - (before[drop] ?? 0);
      const answered = stranger.inbox.filter(({ bytes }) => bytes[0] === 2).length;
      return { ratelimited: more('ratelimited'), passed: more('initiation_flood') + answered };
    };
    await until(async () => {
      const { ratelimited, passed } = await since();
      return ratelimited + passed === burst.length;
    }, 'the whole burst');
    // Five at once, less the one before; a slow machine's 50 ms bring one more each.
    expect((await since()).passed).toBeGreaterThanOrEqual(4);
    expect((await since()).ratelimited).toBeGreaterThanOrEqual(1);
    await expectEcho();
  });
});
