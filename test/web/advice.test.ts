import { describe, expect, it } from 'vitest';
import { TunnelError } from '../../src/core/errors.ts';
import { afterClose } from '../../src/transport/relay-errors.ts';
import { type AdviceContext, advise, adviseOnCheck } from '../../web/advice.ts';
import { BLACK_HOLE, failureOf } from '../../web/failure.ts';

const context = {
  page: 'https://console.example',
  relay: 'wss://relay.example/v1',
  endpoint: 'vpn.example.com:51820',
  publicKey: 'HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=',
  target: '10.0.0.1:80',
};
const say = (code: string, message = 'raw message') => advise({ code, message }, context);

describe('advice', () => {
  it('names what is concerned and what to do', () => {
    expect(say('ERR_RELAY_UNREACHABLE').sentence).toMatch(/wss:\/\/relay\.example\/v1.*check/);
    expect(say('ERR_RELAY_ORIGIN').sentence).toContain('https://console.example');
    expect(say('ERR_RELAY_DESTINATION').sentence).toContain('vpn.example.com:51820');
    expect(say('ERR_NO_ROUTE').sentence).toMatch(/10\.0\.0\.1:80.*AllowedIPs/);
    expect(say('ERR_CONNECTION_REFUSED').sentence).toMatch(/10\.0\.0\.1:80.*port/);
  });

  it('calls silence silence, with our public key and the line to compare', () => {
    const { sentence, copy } = say('ERR_HANDSHAKE_TIMEOUT');
    expect(sentence).toMatch(/^No answer from vpn\.example\.com:51820/);
    expect(sentence).not.toMatch(/preshared|wrong key/i);
    expect(copy.map(({ text }) => text)).toEqual(['wg show', `peer: ${context.publicKey}`]);
  });

  it('says that the preshared key differs only where that was seen', () => {
    expect(say('ERR_PSK_MISMATCH').sentence).toMatch(/^The preshared key differs/);
    const codes = ['ERR_HANDSHAKE_TIMEOUT', 'ERR_RELAY_DESTINATION', 'ERR_TIMEOUT', 'ERR_RELAY_UNREACHABLE'];
    for (const code of codes) expect(say(code).sentence).not.toMatch(/preshared/i);
  });

  it('is one sentence for every code, also without a context', () => {
    const codes =
      'UNSUPPORTED IN_USE WORKER RELAY_UNREACHABLE RELAY_ORIGIN RELAY_AUTH RELAY_DESTINATION RELAY_LIMIT HANDSHAKE_TIMEOUT PSK_MISMATCH NO_ROUTE NAME_NOT_RESOLVED CONNECTION_REFUSED CONNECTION_RESET TIMEOUT HOST_UNREACHABLE LIMIT CLOSED CONFIG MADE_UP';
    for (const code of codes.split(' ')) {
      for (const known of [context, { page: 'https://console.example' }]) {
        const { sentence } = advise({ code: `ERR_${code}`, message: 'line 3: something' }, known);
        expect(sentence, code).toMatch(/^\S[^\n]*\.$/);
        expect(sentence, code).not.toMatch(/\. \S|undefined/);
      }
    }
  });

  it('names a smaller MTU where large packets are lost, and one to try only if it is smaller', () => {
    const lost = (mtu: number) => advise({ code: BLACK_HOLE, message: '' }, { ...context, mtu }).sentence;
    expect(lost(1420)).toMatch(/smaller MTU than 1420 under \[Interface\], such as 1280, .*Diagnose/);
    expect(lost(1280)).toMatch(/smaller MTU than 1280 under \[Interface\], connect/);
  });

  it('tells the endpoint outside from an address inside', () => {
    const outside = (code: string) => advise({ code, message: '', leg: 'endpoint' }, context).sentence;
    expect(outside('ERR_CONNECTION_REFUSED')).toMatch(/vpn\.example\.com:51820 refuses UDP/);
    expect(outside('ERR_NAME_NOT_RESOLVED')).toMatch(/vpn\.example\.com:51820.*Endpoint line/);
    expect(outside('ERR_HOST_UNREACHABLE')).toMatch(/no way to vpn\.example\.com:51820/);
    expect(outside('ERR_TIMEOUT')).toBe(say('ERR_HANDSHAKE_TIMEOUT').sentence);
    expect(say('ERR_CONNECTION_REFUSED').sentence).not.toContain('vpn.example.com');
  });

  it('tells a key that another tab uses from one that another device uses', () => {
    expect(say('ERR_IN_USE').sentence).toMatch(/^Another tab/);
    expect(advise({ code: 'ERR_IN_USE', message: '', leg: 'peer' }, context).sentence).toMatch(
      /^Another device/,
    );
  });

  it('tells a token that was refused from one that nobody had', () => {
    const failure = { code: 'ERR_RELAY_AUTH', message: 'x', leg: 'relay' } as const;
    const say = (more: object, context: object) =>
      advise({ ...failure, ...more }, { page: 'https://x', ...context }).sentence;
    expect(say({}, { hasToken: true })).toContain('refused the token');
    expect(say({}, {})).toContain('wants a token, and this site has none');
    expect(say({ retryable: true }, { hasToken: true })).toContain('log in');
  });

  it('repeats what the engine said is not supported: SIMD, X25519, listening through a wstunnel server, a relay of another version', () => {
    for (const message of ['This browser has no X25519.', 'Only a Tabwire relay can listen.'])
      expect(say('ERR_UNSUPPORTED', message).sentence).toBe(message);
    const after = afterClose('wss://relay.example/v1', 4400, '');
    expect(after.next === 'fail' && advise(failureOf(after.error), context).sentence).toMatch(
      /versions.*reload/,
    );
  });

  it('repeats what the parser said about a configuration', () => {
    expect(say('ERR_CONFIG', 'line 3: Address: prefix must be 0–32').sentence).toBe(
      'line 3: Address: prefix must be 0–32.',
    );
  });
});

describe('a relay that no WebSocket comes through to', () => {
  const say = (reach: AdviceContext['reach']) =>
    advise({ code: 'ERR_RELAY_UNREACHABLE', message: '' }, { ...context, reach }).sentence;

  it('is silent, behind something that blocks WebSockets, or forbidden to this page, as was seen', () => {
    expect(say(undefined)).toBe(say('silent'));
    expect(say('silent')).toContain('does not answer');
    expect(say('http')).toContain('blocks WebSockets');
    expect(say('forbidden')).toContain('Content-Security-Policy');
  });
});

describe('what the path doctor saw', () => {
  it('is said in the words of this page where its failure has a code, else in its own', () => {
    const check = { leg: 'relay', ok: false, detail: 'x', advice: 'Its own.' } as const;
    expect(adviseOnCheck({ ...check, ok: true }, context)).toBeUndefined();
    expect(adviseOnCheck(check, context)).toBe('Its own.');
    expect(adviseOnCheck({ ...check, code: 'ERR_RELAY_LIMIT' }, context)).toBe(
      advise({ code: 'ERR_RELAY_LIMIT', message: 'x' }, context).sentence,
    );
    const refused = adviseOnCheck({ ...check, leg: 'endpoint', code: 'ERR_CONNECTION_REFUSED' }, context);
    expect(refused).toContain('refuses UDP on that port');
  });
});

describe('the failure in what was thrown', () => {
  it('is the TunnelError, or the cause of the DOMException around it', () => {
    const error = new TunnelError('ERR_TIMEOUT', 'too late', { leg: 'inside' });
    const around = Object.assign(new DOMException('too late', 'NetworkError'), { cause: error });
    expect(failureOf(error)).toMatchObject({ code: 'ERR_TIMEOUT', message: 'too late', leg: 'inside' });
    expect(failureOf(around)).toMatchObject({ code: 'ERR_TIMEOUT', message: 'too late', leg: 'inside' });
  });

  it('is its text where it is neither', () => {
    expect(failureOf(new Error('boom'))).toEqual({ code: 'ERR_UNKNOWN', message: 'boom' });
    expect(failureOf('boom')).toEqual({ code: 'ERR_UNKNOWN', message: 'boom' });
  });
});
