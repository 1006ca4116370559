import { describe, expect, it } from 'vitest';
import type { EngineEvent } from '../../src/bridge/api.ts';
import type { Port } from '../../src/bridge/channel.ts';
import { fromBase64 } from '../../src/core/bytes.ts';
import { TunnelError } from '../../src/core/errors.ts';
import { NEVER } from '../../src/core/time.ts';
import type { TransportState } from '../../src/core/transport.ts';
import { Announcer } from '../../src/service/announcer.ts';

const publicKey = fromBase64('WCY5wvyild3785AiNOzCWYXRbUMiJCtqWwPHceAHsnE=')!;
const refused = new TunnelError('ERR_RELAY_ORIGIN', 'Not this page.', { leg: 'relay' });
const facts = { via: 'wss://relay.example/v1', problems: [] };

/** The codes of the errors told after so many initiations without an answer. */
function codesAfter(attempts: number, state: TransportState): string[] {
  const codes: string[] = [];
  const port = {
    postMessage: (event: EngineEvent) => event.type === 'error' && codes.push(event.error.code),
  } as unknown as Port;
  const announcer = new Announcer({ now: () => 0, wakeAt: () => NEVER }, () => 0);
  announcer.start(port);
  announcer.transportChanged(state);
  for (let attempt = 1; attempt <= attempts; attempt++)
    announcer.deviceEvent({ type: 'handshake-attempt', publicKey, attempt, isRetry: attempt > 1 });
  return codes;
}

describe('of a peer that does not answer, the page is told', () => {
  it('after the third initiation, once', () => {
    const open: TransportState = { ...facts, state: 'open', rtt: 1, localPorts: new Map() };
    expect(codesAfter(2, open)).toEqual([]);
    expect(codesAfter(9, open)).toEqual(['ERR_HANDSHAKE_TIMEOUT']);
  });

  it('why it is not reached, where the relay is the reason: nobody knows whether it would answer', () => {
    expect(codesAfter(9, { ...facts, state: 'failed', error: refused })).toEqual([
      'ERR_RELAY_ORIGIN',
      'ERR_RELAY_ORIGIN',
    ]);
  });
});
