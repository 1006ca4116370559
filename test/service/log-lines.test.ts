import { describe, expect, it } from 'vitest';
import { fromBase64 } from '../../src/core/bytes.ts';
import type { DeviceEvent } from '../../src/core/wireguard/device.ts';
import { logLinesOf } from '../../src/service/log-lines.ts';

const publicKey = fromBase64('WCY5wvyild3785AiNOzCWYXRbUMiJCtqWwPHceAHsnE=')!;

const lines = (event: DeviceEvent) => logLinesOf(event).map(({ message }) => message);

describe('the log', () => {
  // As wireguard-go 0.0.20220316 prints them, behind its time and interface.
  it.each<[DeviceEvent, string[]]>([
    [
      { type: 'handshake-attempt', publicKey, attempt: 1, isRetry: false },
      ['peer(WCY5…HsnE) - Sending handshake initiation'],
    ],
    [
      { type: 'handshake-attempt', publicKey, attempt: 2, isRetry: true },
      [
        'peer(WCY5…HsnE) - Handshake did not complete after 5 seconds, retrying (try 2)',
        'peer(WCY5…HsnE) - Sending handshake initiation',
      ],
    ],
    [{ type: 'handshake', publicKey, isInitiator: true }, ['peer(WCY5…HsnE) - Received handshake response']],
    [
      { type: 'handshake', publicKey, isInitiator: false },
      ['peer(WCY5…HsnE) - Received handshake initiation'],
    ],
    [
      { type: 'gave-up', publicKey },
      ['peer(WCY5…HsnE) - Handshake did not complete after 20 attempts, giving up'],
    ],
    [
      { type: 'stopped-hearing', publicKey, sessionAge: 31_000, unanswered: 9 },
      ['peer(WCY5…HsnE) - Retrying handshake because we stopped hearing back after 15 seconds'],
    ],
    [
      { type: 'keys-zeroed', publicKey },
      ["peer(WCY5…HsnE) - Removing all keys, since we haven't received a new one in 540 seconds"],
    ],
    [{ type: 'psk-mismatch', publicKey }, []],
  ])('of %j is in wireguard-go’s words', (event, expected) => {
    expect(lines(event)).toEqual(expected);
  });

  it('warns of a clock that cannot be right, and says what it shows', () => {
    expect(logLinesOf({ type: 'clock-suspect', wall: 0 })).toEqual([
      {
        level: 'warn',
        message: expect.stringMatching(/^The clock of this device cannot be right: it says 1970-01-01\./),
      },
    ]);
    for (const wall of [Number.NaN, 1e300])
      expect(lines({ type: 'clock-suspect', wall })[0]).toContain('something that is no date');
  });
});
