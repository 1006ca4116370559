import { describe, expect, it } from 'vitest';
import type { PeerStatus, TransportStatus, TunnelStatus } from '../../src/bridge/api.ts';
import { stateLine } from '../../web/state-line.ts';

const NOW = Date.UTC(2026, 0, 2, 12);

function status(transport: Partial<TransportStatus>, ...peers: Partial<PeerStatus>[]): TunnelStatus {
  return {
    publicKey: 'us',
    listenPort: undefined,
    fwmark: 0,
    addresses: ['10.0.0.2/32'],
    mtu: 1420,
    transport: { state: 'open', via: 'wss://relay.example/v1', problems: [], localPorts: [], ...transport },
    peers: peers.map((peer, index) => ({
      publicKey: `peer ${index}`,
      presharedKey: false,
      endpoint: '203.0.113.1:51820',
      allowedIps: [],
      latestHandshake: undefined,
      transferRx: 0,
      transferTx: 0,
      persistentKeepalive: 25,
      handshakeAttempts: 0,
      drops: {},
      ...peer,
    })),
    tcp: { connections: 0, retransmits: 0, blackHoles: 0 },
    drops: { wireguard: {}, netstack: {}, transport: {} },
  };
}

const ago = (seconds: number) => ({ latestHandshake: new Date(NOW - seconds * 1000) });
const read = (state: TunnelStatus, relayWasOpen = true) => stateLine('open', state, { relayWasOpen }, NOW);

describe('the state line', () => {
  it('follows a connection from nothing to a handshake', () => {
    expect(stateLine('idle', undefined, { relayWasOpen: false }, NOW).headline).toBe('Not connected');
    expect(stateLine('opening', undefined, { relayWasOpen: false }, NOW).headline).toBe(
      'Starting the engine…',
    );
    expect(read(status({ state: 'connecting' }, {}), false).headline).toBe('Connecting to the relay…');
    expect(read(status({}, { handshakeAttempts: 3 }))).toEqual({
      tone: 'waiting',
      headline: 'Waiting for the peer’s answer',
      detail: 'try 3',
    });
    expect(read(status({}, ago(12)))).toEqual({
      tone: 'live',
      headline: 'Connected',
      detail: 'handshake 12 s ago',
    });
  });

  it('tells a relay that was lost from one that was never reached', () => {
    const waiting = status({ state: 'waiting', retryAt: new Date(NOW + 2500) }, ago(3));
    expect(read(waiting)).toMatchObject({ headline: 'Relay lost: reconnecting', detail: 'in 3 s' });
    expect(read(waiting, false)).toMatchObject({
      headline: 'Relay not reached: trying again',
      detail: 'in 3 s',
    });
    expect(read(status({ state: 'failed' }, {})).tone).toBe('failed');
  });

  it('says when the peer went silent, and when there is merely nothing to send', () => {
    expect(read(status({}, { ...ago(30), handshakeAttempts: 2 })).headline).toMatch(/gone silent/);
    expect(read(status({}, ago(400)))).toMatchObject({
      tone: 'idle',
      headline: 'Connected, nothing to send',
    });
  });

  it('is not waiting where waiting is in vain', () => {
    const past = { relayWasOpen: true, failure: 'ERR_PSK_MISMATCH' };
    expect(stateLine('open', status({}, { handshakeAttempts: 1 }), past, NOW)).toEqual({
      tone: 'failed',
      headline: 'The peer’s answer does not open',
    });
    const error = { code: 'ERR_RELAY_DESTINATION', message: 'no', retryable: false } as const;
    const denied = status({ problems: [{ endpoint: '203.0.113.1:51820', error }] }, {});
    expect(read(denied)).toMatchObject({
      tone: 'failed',
      headline: 'The peer cannot be reached from the relay',
    });
    // With a session, the relay's complaint about one endpoint does not undo it.
    expect(read(status({ problems: [{ endpoint: '203.0.113.1:51820', error }] }, ago(5))).tone).toBe('live');
  });

  it('does not call a connection good that another device takes over again and again', () => {
    const past = { relayWasOpen: true, failure: 'ERR_IN_USE' };
    expect(stateLine('open', status({}, ago(5)), past, NOW)).toEqual({
      tone: 'waiting',
      headline: 'Connected, but lost again and again',
      detail: 'handshake 5 s ago',
    });
  });

  it('counts peers', () => {
    expect(read(status({}, ago(5), {})).headline).toBe('Connected to 1 of 2 peers');
    expect(read(status({}, { endpoint: undefined })).headline).toBe('Ready: waiting for a peer to call');
  });

  it('keeps what ticks out of what is read aloud', () => {
    const at = (seconds: number) => read(status({}, { handshakeAttempts: seconds })).headline;
    expect(at(2)).toBe(at(9));
    expect(read(status({}, ago(2))).headline).toBe(read(status({}, ago(90))).headline);
  });
});
