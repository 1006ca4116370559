import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Counts } from '../../relay/counters.ts';
import { Gate, KEEPALIVE_WHEN_SILENT, PAIR_LIFETIME, SILENCE, UNPROVEN_DATAGRAMS } from '../../relay/gate.ts';
import { cookieReply, data, initiation, response } from './fake-endpoint.ts';

const CLIENT = 0x0c11_0001;
const ENDPOINT = 0x0e00_0001;

let gate: Gate;
beforeEach(() => {
  gate = new Gate(2048, new Counts());
});

const upIn = (at: Gate, bytes: Uint8Array, start: number, end: number, now: number) =>
  at.up(bytes, start, end, now, at.typeOf(bytes, start, end));
const downIn = (at: Gate, bytes: Uint8Array, end: number, now: number) =>
  at.down(bytes, 0, now, at.typeOf(bytes, 0, end));
const up = (message: Uint8Array, now = 0) => upIn(gate, message, 0, message.length, now);
const down = (message: Uint8Array, now = 0) => downIn(gate, message, message.length, now);

function handshake(now = 0): void {
  expect(up(initiation(CLIENT), now)).toBeUndefined();
  expect(down(response(ENDPOINT, CLIENT), now)).toBeUndefined();
}

describe('shape', () => {
  const reserved = (message: Buffer, at: number) => {
    message[at] = 1;
    return message;
  };
  it.each([
    ['empty', Buffer.alloc(0)],
    ['31 bytes of data', data(1, 31)],
    ['an initiation of 147 bytes', initiation(1, 147)],
    ['an initiation of 149 bytes', initiation(1, 149)],
    ['a response of 91 bytes', response(1, 2).subarray(0, 91)],
    ['a cookie reply of 63 bytes', cookieReply(1).subarray(0, 63)],
    ['larger than the largest datagram', data(1, 2049)],
    ['reserved byte 1', reserved(initiation(1), 1)],
    ['reserved byte 2', reserved(data(1), 2)],
    ['reserved byte 3', reserved(data(1), 3)],
    ['type 0', Buffer.alloc(148)],
    ['type 5', Buffer.concat([Buffer.from([5, 0, 0, 0]), Buffer.alloc(144)])],
    ['type 255', Buffer.concat([Buffer.from([255, 0, 0, 0]), Buffer.alloc(144)])],
    [
      'a DNS query',
      Buffer.from('abcd01000001000000000000076578616d706c6503636f6d00000100010000000000', 'hex'),
    ],
    ['an NTP monlist request', Buffer.concat([Buffer.from('1700032a', 'hex'), Buffer.alloc(44)])],
    ['a STUN binding request', Buffer.from(`000100002112a442${'00'.repeat(24)}`, 'hex')],
    ['a QUIC initial', Buffer.concat([Buffer.from('c300000001', 'hex'), Buffer.alloc(1195)])],
  ])('%s never passes', (_, message) => {
    handshake();
    expect(up(message)).toBe('shape');
    expect(down(message)).toBe('shape');
  });

  it('the length of data need not be a multiple of 16: padding stops at the MTU', () => {
    handshake();
    expect(up(data(ENDPOINT, 1452))).toBeUndefined();
    expect(up(data(ENDPOINT, 1451))).toBeUndefined();
  });

  it('looks only at its part of a larger array', () => {
    const whole = Buffer.concat([Buffer.alloc(5, 0xff), initiation(CLIENT), Buffer.alloc(5, 0xff)]);
    expect(upIn(gate, whole, 5, 153, 0)).toBeUndefined();
    expect(upIn(gate, whole, 4, 152, 0)).toBe('shape');
  });

  it('of 400,000 random datagrams none passes in either direction', () => {
    let state = 1;
    const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 8;
    const bytes = new Uint8Array(200);
    let passed = 0;
    for (let i = 0; i < 400_000; i++) {
      for (let j = 0; j < 16; j++) bytes[j] = random();
      const length = random() % 200;
      if (upIn(gate, bytes, 0, length, i) === undefined || downIn(gate, bytes, length, i) === undefined)
        passed++;
    }
    expect(passed).toBe(0);
  });

  it('never throws, whatever comes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.uint8Array({ maxLength: 160 })), { maxLength: 20 }),
        (list) => {
          for (const [isUp, bytes] of list) (isUp ? up : down)(bytes);
        },
      ),
    );
  });
});

describe('before a handshake', () => {
  it('only an initiation goes out', () => {
    expect(up(data(ENDPOINT))).toBe('no_handshake');
    expect(up(data(ENDPOINT, 32))).toBe('no_handshake');
    expect(up(response(CLIENT, ENDPOINT))).toBe('unsolicited_response');
    expect(up(cookieReply(ENDPOINT))).toBe('unsolicited_cookie');
    expect(up(initiation(CLIENT))).toBeUndefined();
  });

  it('nothing comes in that does not answer it', () => {
    expect(up(initiation(CLIENT))).toBeUndefined();
    expect(down(data(CLIENT))).toBe('no_handshake');
    expect(down(initiation(ENDPOINT))).toBe('unsolicited_initiation');
    expect(down(response(ENDPOINT, CLIENT + 1))).toBe('unsolicited_response');
    expect(down(cookieReply(CLIENT + 1))).toBe('unsolicited_cookie');
    expect(down(cookieReply(CLIENT))).toBeUndefined();
    expect(down(response(ENDPOINT, CLIENT))).toBeUndefined();
  });

  it('an echo server cannot open it', () => {
    expect(up(initiation(CLIENT))).toBeUndefined();
    expect(down(initiation(CLIENT))).toBe('unsolicited_initiation');
    expect(up(data(CLIENT))).toBe('no_handshake');
  });

  it('remembers the last four initiations', () => {
    for (let i = 0; i < 5; i++) up(initiation(100 + i));
    expect(down(response(ENDPOINT, 100))).toBe('unsolicited_response');
    expect(down(response(ENDPOINT, 101))).toBeUndefined();
  });
});

describe('after a handshake', () => {
  it('data passes for the agreed indices only', () => {
    handshake();
    expect(up(data(ENDPOINT))).toBeUndefined();
    expect(up(data(CLIENT))).toBe('no_handshake');
    expect(down(data(CLIENT))).toBeUndefined();
    expect(down(data(ENDPOINT))).toBe('no_handshake');
  });

  it('a repeated response is refused', () => {
    handshake();
    expect(down(response(ENDPOINT, CLIENT))).toBe('unsolicited_response');
  });

  it('the endpoint may start the next one', () => {
    handshake();
    expect(down(initiation(ENDPOINT + 1))).toBeUndefined();
    expect(up(response(CLIENT + 1, ENDPOINT + 1))).toBeUndefined();
    expect(up(data(ENDPOINT + 1))).toBeUndefined();
    expect(down(data(CLIENT + 1))).toBeUndefined();
    expect(up(response(CLIENT + 1, ENDPOINT + 1))).toBe('unsolicited_response');
  });

  it('the client may answer it with a cookie, under load', () => {
    handshake();
    expect(down(initiation(ENDPOINT + 1))).toBeUndefined();
    expect(up(cookieReply(ENDPOINT + 1))).toBeUndefined();
  });

  it('three keypairs live at a time: previous, current, next', () => {
    for (let i = 0; i < 4; i++) {
      up(initiation(CLIENT + i));
      down(response(ENDPOINT + i, CLIENT + i));
    }
    expect(up(data(ENDPOINT))).toBe('no_handshake');
    for (let i = 1; i < 4; i++) expect(up(data(ENDPOINT + i))).toBeUndefined();
  });

  it('a keypair dies after 190 s, both ways', () => {
    handshake(1000);
    down(data(CLIENT), 1000 + PAIR_LIFETIME);
    expect(up(data(ENDPOINT), 1000 + PAIR_LIFETIME)).toBeUndefined();
    expect(up(data(ENDPOINT), 1001 + PAIR_LIFETIME)).toBe('expired_key');
    expect(down(data(CLIENT), 1001 + PAIR_LIFETIME)).toBe('expired_key');
  });
});

describe('silence of the endpoint', () => {
  it('stops data after 30 s, but one keepalive in 5 s and initiations pass', () => {
    handshake();
    expect(up(data(ENDPOINT), 1000)).toBeUndefined();
    expect(up(data(ENDPOINT), 1000 + SILENCE)).toBeUndefined();
    const late = 1001 + SILENCE;
    expect(up(data(ENDPOINT), late)).toBe('endpoint_silent');
    expect(up(data(ENDPOINT, 32), late)).toBeUndefined();
    expect(up(data(ENDPOINT, 32), late + KEEPALIVE_WHEN_SILENT - 1)).toBe('endpoint_silent');
    expect(up(data(ENDPOINT, 32), late + KEEPALIVE_WHEN_SILENT)).toBeUndefined();
    expect(up(initiation(CLIENT + 1), late)).toBeUndefined();
  });

  it('ends with anything authentic-looking, but not with a cookie reply', () => {
    handshake();
    up(data(ENDPOINT), 0);
    const late = SILENCE + 1;
    up(initiation(CLIENT + 1), late);
    expect(down(cookieReply(CLIENT + 1), late)).toBeUndefined();
    expect(up(data(ENDPOINT), late)).toBe('endpoint_silent');
    expect(down(data(CLIENT, 32), late)).toBeUndefined();
    expect(up(data(ENDPOINT), late)).toBeUndefined();
  });

  it('is not started by keepalives, which are never answered: an idle tunnel stays open', () => {
    handshake();
    for (let now = 0; now <= 175_000; now += 25_000) expect(up(data(ENDPOINT, 32), now)).toBeUndefined();
    expect(up(data(ENDPOINT), 176_000)).toBeUndefined();
    expect(up(data(ENDPOINT), 177_000)).toBeUndefined();
  });

  it('one-way upload passes as long as keepalives come back', () => {
    handshake();
    for (let now = 0; now < 180_000; now += 100) {
      expect(up(data(ENDPOINT, 1452), now)).toBeUndefined();
      if (now % 10_000 === 0) down(data(CLIENT, 32), now);
    }
  });
});

describe('a gate that goes on where another was', () => {
  const restored = (elapsed: number, now: number): Gate => {
    const other = new Gate(2048, new Counts());
    other.restore(gate.pairs(1000), elapsed, now);
    return other;
  };
  const pass = (other: Gate, length: number, now: number) =>
    upIn(other, data(ENDPOINT, length), 0, length, now);

  it('lets the same sessions pass, both ways, and still no others', () => {
    handshake();
    const other = restored(0, 50_000);
    expect(pass(other, 100, 50_000)).toBeUndefined();
    expect(downIn(other, data(CLIENT), 100, 50_000)).toBeUndefined();
    expect(upIn(other, data(ENDPOINT + 1), 0, 100, 50_000)).toBe('no_handshake');
    expect(downIn(other, data(CLIENT + 1), 100, 50_000)).toBe('no_handshake');
  });

  it('knows how old they are, also if the clock here is behind', () => {
    handshake();
    expect(pass(restored(30_000, 0), 100, PAIR_LIFETIME - 31_000)).toBeUndefined();
    expect(pass(restored(30_000, 0), 100, PAIR_LIFETIME - 30_999)).toBe('expired_key');
    expect(pass(restored(-60_000, 0), 100, PAIR_LIFETIME - 999)).toBe('expired_key');
    expect(gate.pairs(PAIR_LIFETIME + 1)).toEqual([]);
  });

  it('keeps their order: a fourth pair displaces the oldest', () => {
    for (const [client, endpoint] of [
      [1, 11],
      [2, 12],
      [3, 13],
    ] as const) {
      up(initiation(client));
      down(response(endpoint, client));
    }
    const other = restored(0, 0);
    expect(other.pairs(0)).toEqual([
      [3, 13, 1000],
      [2, 12, 1000],
      [1, 11, 1000],
    ]);
    upIn(other, initiation(4), 0, 148, 0);
    downIn(other, response(14, 4), 92, 0);
    expect(other.pairs(0).map(([client]) => client)).toEqual([4, 3, 2]);
  });

  it('lets 64 datagrams pass until the endpoint answers', () => {
    handshake();
    const other = restored(0, 0);
    for (let i = 0; i < UNPROVEN_DATAGRAMS; i++) expect(pass(other, 32, 0)).toBeUndefined();
    expect(pass(other, 32, 0)).toBe('unproven');
    expect(downIn(other, data(CLIENT), 100, 0)).toBeUndefined();
    for (let i = 0; i < 1000; i++) expect(pass(other, 1452, 0)).toBeUndefined();
  });

  it('lets 64 KiB pass until the endpoint answers, and handshakes all the same', () => {
    handshake();
    const other = restored(0, 0);
    let bytes = 0;
    while (pass(other, 2048, 0) === undefined) bytes += 2048;
    expect(bytes).toBe(64 * 1024);
    expect(pass(other, 32, 0)).toBe('unproven');
    expect(upIn(other, initiation(9), 0, 148, 0)).toBeUndefined();
    // A cookie reply proves nothing.
    expect(downIn(other, cookieReply(9), 64, 0)).toBeUndefined();
    expect(pass(other, 32, 0)).toBe('unproven');
    expect(downIn(other, response(99, 9), 92, 0)).toBeUndefined();
    expect(pass(other, 32, 0)).toBeUndefined();
  });
});

describe('an endpoint whose rule says shape "sized"', () => {
  beforeEach(() => {
    gate.shape = 'sized';
  });
  /** The same with other first bytes, as WireGuard's relatives have them. */
  const odd = (message: Buffer, type = 0x8e) =>
    Buffer.concat([Buffer.from([type, 7, 7, 7]), message.subarray(4)]);

  it.each([
    ['reserved bytes in use', (message: Buffer) => odd(message, message[0])],
    ['types of its own', (message: Buffer) => odd(message)],
  ])('%s: the handshake comes first all the same, and indices count', (_, like) => {
    expect(up(like(data(ENDPOINT)))).toBe('no_handshake');
    expect(down(like(response(ENDPOINT, CLIENT)))).toBe('unsolicited_response');
    expect(up(like(initiation(CLIENT)))).toBeUndefined();
    expect(down(like(initiation(CLIENT)))).toBe('unsolicited_initiation');
    expect(down(like(response(ENDPOINT, CLIENT)))).toBeUndefined();
    for (const length of [32, 64, 100, 1452]) {
      expect(up(like(data(ENDPOINT, length)))).toBeUndefined();
      expect(down(like(data(CLIENT, length)))).toBeUndefined();
    }
    expect(up(like(data(ENDPOINT + 1)))).toBe('no_handshake');
    expect(down(like(data(CLIENT + 1)))).toBe('no_handshake');
    expect(up(like(data(ENDPOINT, 31)))).toBe('shape');
    expect(up(like(data(ENDPOINT)), PAIR_LIFETIME + 1)).toBe('expired_key');
  });

  it('its silence is one, too', () => {
    expect(up(odd(initiation(CLIENT)))).toBeUndefined();
    expect(down(odd(response(ENDPOINT, CLIENT)))).toBeUndefined();
    expect(up(odd(data(ENDPOINT)))).toBeUndefined();
    expect(up(odd(data(ENDPOINT)), SILENCE + 1)).toBe('endpoint_silent');
  });
});

describe('an endpoint whose rule says shape "off"', () => {
  beforeEach(() => {
    gate.shape = 'off';
  });

  it('gets and sends anything but nothing, and what is too large', () => {
    for (const length of [1, 32, 148, 2048]) {
      expect(up(Buffer.alloc(length, 0xff))).toBeUndefined();
      expect(down(Buffer.alloc(length, 0xff))).toBeUndefined();
    }
    for (const length of [0, 2049]) {
      expect(up(Buffer.alloc(length))).toBe('shape');
      expect(down(Buffer.alloc(length))).toBe('shape');
    }
    expect(gate.hasPair).toBe(false);
  });

  it('that does not answer for half a minute gets a datagram in five seconds, until it does', () => {
    const some = Buffer.alloc(32, 0xff);
    expect(up(some)).toBeUndefined();
    expect(up(some, SILENCE)).toBeUndefined();
    const passed = Array.from({ length: 100 }, (_, n) => up(some, SILENCE + 1 + 100 * n)).filter(
      (refusal) => refusal === undefined,
    );
    expect(passed).toHaveLength(10_000 / KEEPALIVE_WHEN_SILENT);
    expect(down(some, SILENCE + 10_000)).toBeUndefined();
    expect(up(some, SILENCE + 10_001)).toBeUndefined();
  });
});
