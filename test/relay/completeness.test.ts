// The table of hostile clients, endpoints and operators' mistakes: each row has its tests, and one that gets lost, or is
// switched off, is noticed here.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readTitles } from '../support/test-titles.ts';

const HOSTILE = 'hostile.test.ts';
const MANY = 'hostile-many.test.ts';
const PINGS = 'a flood of pings is closed with 4429 if answered, and terminated if the pongs are not read';
const SLOW = 'who connects and says nothing, or a byte a second, is out within six seconds';
const NOBODYS = 'responses to nobody, repeated ones, and data for nobody do not reach the client';
const DEAD = 'who never answers pings, or stops in the middle of a frame, is terminated after two';
const VOID = 'an empty message, unknown control types, reserved channels and trailing bytes are ignored';
const STRANGE = '%j is not allowed, and no resolver hears of it';
const CONTROLS = 'too many control records: 4429';

/** What is done to the relay; where that is tested; the titles, or the rows of a table in that file. */
const ROWS: [what: string, ...[file: string, ...titles: string[]][]][] = [
  ['a TCP connection that says nothing', [HOSTILE, SLOW]],
  ['headers at a byte a second', [HOSTILE, SLOW]],
  [
    '9 KB of headers, 200 of them',
    [HOSTILE, '9 KB of headers', '200 headers are too many, and none of them is lost on the way to that'],
  ],
  [
    '2,000 connections of one address',
    ['strangers.test.ts', 'others get in: they %s'],
    [HOSTILE, 'connections per address and second, and sessions per address and process, have limits'],
  ],
  [
    'X-Forwarded-For invented by who is no proxy',
    [
      MANY,
      'X-Forwarded-For from whoever is no trusted proxy: all of them count as the one that they are (row 5)',
    ],
  ],
  [
    'X-Forwarded-For through a proxy, with junk',
    ['client-address.test.ts', 'from %s, forwarded for %j, trusting %j: %s'],
  ],
  ['a TLS ClientHello', [HOSTILE, 'a client that speaks TLS to it is told that this is none, and is out']],
  [
    'no upgrade, POST, HTTP/1.0, h2c',
    [HOSTILE, 'plain requests: 426 for the path, 404 for the rest', 'POST', 'HTTP/1.0', 'h2c'],
  ],
  [
    'other paths, and ways around the path',
    [HOSTILE, 'another path', 'a path with dots', 'a path with two slashes'],
  ],
  [
    'another origin, none, null',
    [
      HOSTILE,
      'an origin that is null',
      'the right origin with a tail',
      'the right origin on another port',
      'the right origin over http',
    ],
    ['origin.test.ts', 'a client without an origin passes only if that is allowed; "null" never does'],
  ],
  ['no subprotocol', [HOSTILE, 'no subprotocol', 'another subprotocol']],
  ['a token in the query', [HOSTILE, 'a token in the query']],
  [
    'no token, a random one, 100 KB of one',
    ['tokens.test.ts', 'sends nothing', 'that is no token is refused', 'is 2 KiB long at most'],
  ],
  [
    'alg none, a public key as a secret, unknown keys',
    [
      'tokens.test.ts',
      'signed by nobody, by another key, or by the public key taken for a secret, is refused',
      'unknown',
    ],
  ],
  [
    'times, audiences and origins that are not right',
    [
      'tokens.test.ts',
      'of yesterday',
      'of tomorrow',
      'that lives too long',
      'for another service',
      'of another page',
    ],
  ],
  [
    'a token twice',
    ['tokens.test.ts', 'opens one session only, where that is asked, until nobody could use it any more'],
  ],
  [
    'a destination that the token does not give',
    ['tokens.test.ts', 'lets a token reach only its destinations, through as many channels as it gives'],
  ],
  ['a destination that only the token gives', ['tokens.test.ts', 'for %j: %s port %d is %s', 'evil.example']],
  ['127.1 and other spellings', [HOSTILE, STRANGE, '127.1', '0x7f.1', '2130706433', 'localhost', '[::1]']],
  [
    'IPv4 inside IPv6, zones',
    [HOSTILE, STRANGE, '::ffff:10.0.0.1', '::127.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::', 'fe80::1%lo'],
  ],
  [
    'a name that leads to a metadata service',
    [HOSTILE, 'a name that leads to a metadata service raises an alarm and sends nothing'],
  ],
  [
    'a name with another answer each time',
    ['policy.test.ts', 'resolve, and every answer is checked'],
    [HOSTILE, 'while a name resolves the newest initiation waits; the channel then stays with that address'],
  ],
  [
    'an allowed host, another port',
    ['policy.test.ts', '%j port %i: %s', 'an alias is asked for with port 0'],
  ],
  [
    'the relay’s own listener',
    [HOSTILE, 'the relay’s own port is never a destination, even if a rule says so'],
  ],
  [
    'a flood of OPEN',
    [HOSTILE, CONTROLS],
    ['policy.test.ts', 'asks once for many at the same time, and has at most 64 questions out'],
  ],
  ['OPEN, and nothing more', [HOSTILE, 'without OPEN: 4408; OPEN alone takes no UDP port and is idle: 4408']],
  [
    'data before a handshake',
    [HOSTILE, 'data before any handshake: nothing leaves, and the client hears at once that it needs one'],
  ],
  [
    'DNS, NTP, STUN, QUIC, noise',
    [HOSTILE, 'what is not WireGuard: nothing leaves, and after 100 the session ends with 4406'],
    [
      'gate.test.ts',
      'a DNS query',
      'an NTP monlist request',
      'a STUN binding request',
      'a QUIC initial',
      'of 400,000 random datagrams none passes in either direction',
    ],
  ],
  [
    'lengths, types and reserved bytes that are not WireGuard’s',
    [
      'gate.test.ts',
      'an initiation of 147 bytes',
      'an initiation of 149 bytes',
      '31 bytes of data',
      'reserved byte 1',
      'type 0',
      'type 5',
      'type 255',
    ],
  ],
  [
    'a flood of initiations on one channel',
    [HOSTILE, 'a flood of initiations: three, then one in four seconds'],
  ],
  [
    'a flood of them from many sessions',
    [HOSTILE, 'all sessions together send an endpoint no more initiations than its limit'],
  ],
  ['an echo server as endpoint', [HOSTILE, 'an echo server as target stays at handshakes']],
  ['an endpoint that says nothing', [HOSTILE, 'a silent endpoint: the channel closes after 20 tries']],
  ['responses with a wrong index, or repeated', [HOSTILE, NOBODYS]],
  ['data for an unknown or an old index', [HOSTILE, 'an expired key: dropped, and a handshake asked for']],
  [
    'an endpoint that falls silent under a flood',
    [
      HOSTILE,
      'an endpoint that falls silent gets data for 30 s, then a keepalive in five; the client hears why',
    ],
  ],
  ['an endpoint that floods with unknown indices', [HOSTILE, NOBODYS]],
  [
    'an endpoint that floods a client who does not read',
    [HOSTILE, 'an endpoint that floods a client who reads nothing: bounded, oldest dropped, handshakes kept'],
  ],
  [
    'a stranger at the relay’s UDP port',
    [HOSTILE, 'a stranger cannot send to the client through the relay’s port'],
  ],
  ['datagrams that are too large', [HOSTILE, 'too large, both ways: dropped, said, counted']],
  [
    'frames without mask, with reserved bits or opcodes',
    [HOSTILE, 'an unmasked frame', 'a reserved opcode', 'a fragmented ping'],
  ],
  ['text', [HOSTILE, 'a text frame', 'text that is not UTF-8']],
  [
    'messages that are too large, or say so',
    [HOSTILE, '65,536 bytes', 'a header of 2^63 bytes', 'a header of 2^40 bytes'],
  ],
  [
    'fragments without end',
    [HOSTILE, '33 fragments', 'empty continuations', 'one byte at a time is too many pieces'],
  ],
  ['half a frame', [HOSTILE, DEAD]],
  ['a flood of pings, pongs not read', [HOSTILE, PINGS]],
  ['a flood of pings, pongs read', [HOSTILE, PINGS, 'pongs that nobody asked for']],
  [
    'no pong',
    [HOSTILE, DEAD],
    ['parking.test.ts', 'waits 20 s, then its port is free and the ticket makes a new one'],
  ],
  [
    'a close frame without answer',
    [HOSTILE, 'a close frame that is never answered does not keep the socket'],
  ],
  [
    'data behind our close',
    [HOSTILE, 'what comes after our close is ignored', 'who is closed for a flood is not read any more'],
  ],
  ['records that do not fit', [HOSTILE, 'a record past the end', 'an empty datagram', '65 records', VOID]],
  ['unknown types, bytes behind, reserved channels', [HOSTILE, VOID]],
  [
    'control bodies that are cut',
    [
      MANY,
      '30,000 control bodies, cut or damaged: none throws, and each type ends sessions at worst (row 53)',
    ],
  ],
  ['a flood of control records', [HOSTILE, CONTROLS, 'empty messages', 'messages of reserved channels only']],
  [
    'OPEN twice, CLOSE of nothing, data on what is closed',
    [
      HOSTILE,
      'a channel opened twice stays as it was; CLOSE of an unknown one is nothing; data there says "not open" once',
      'OPEN and CLOSE in turn leave nothing behind',
    ],
  ],
  ['64 channels', [HOSTILE, 'too many channels: 4413, the others live', 'OPEN of channel 64']],
  [
    'tickets that are changed, old, or somebody else’s',
    ['ticket-seal.test.ts', 'any changed bit, any truncation and anything behind it spoils it'],
    [
      'resume.test.ts',
      'that is too old',
      'sealed with a key that this relay does not have',
      'of another page gives a fresh session',
      'counts without the secret for a token of the same subject, and for no other',
    ],
  ],
  [
    'a ticket a hundred times at once',
    [
      'parking.test.ts',
      'a ticket shown a hundred times at once: one has the session, the others are within their limits',
    ],
  ],
  [
    'a ticket for what is not allowed any more',
    [
      'resume.test.ts',
      'a destination that is not allowed any more stays closed: 4405',
      'of a subject that is denied now',
    ],
  ],
  [
    'sessions that are parked on purpose',
    [MANY, '200 clients that vanish: a twentieth of the sessions waits, and ports are free again (row 60)'],
    [
      'parking.test.ts',
      'of 60 that break, a twentieth of what the relay may have waits, who came last; ports are freed',
    ],
  ],
  [
    'two that race for a session',
    [
      'parking.test.ts',
      'two that race for a session with its old WebSocket still there: one gets it, the other a new port',
      'a WebSocket that is still there is closed with 4409; what waits for it goes over',
    ],
  ],
  [
    'compression, and a bomb in it',
    [HOSTILE, 'compression is not agreed to', 'a reserved bit, as compression uses it'],
  ],
  [
    'control characters and 4 KB for the log',
    ['../relay-host/log.test.ts', 'escapes and cuts what clients write'],
  ],
  ['a system clock that is set back', ['check.test.ts', 'limits as before when the time of day is set back']],
  ['thousands that come and go', [MANY, 'sessions that come and go leave nothing on the heap (row 65)']],
  [
    'the admin’s paths on the public port',
    ['../relay-host/admin.test.ts', 'is not reached through the public port'],
  ],
  [
    'how long a refusal takes',
    [MANY, 'take as long for a name that nobody allowed as for one that leads somewhere private (row 67)'],
  ],
  [
    'errors of sockets, wherever they come',
    [
      MANY,
      'end what they are about, at worst: the process lives and serves whoever comes',
      'also when the system gives no socket at all',
    ],
  ],
];

describe('each hostile case', () => {
  it('has a row: there are 68', () => {
    expect(ROWS).toHaveLength(68);
    expect(new Set(ROWS.map(([what]) => what)).size).toBe(68);
  });

  it.each(ROWS)('is tested where the table says: %s', (_, ...places) => {
    for (const [file, ...titles] of places) {
      const { titles: found, switches } = readTitles(join(import.meta.dirname, file));
      expect(found, file).toEqual(expect.arrayContaining(titles));
      expect(switches, `${file} switches tests off`).toEqual([]);
    }
  });
});
