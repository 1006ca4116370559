import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { Admission } from '../../relay/admission.ts';
import type { RelayContext } from '../../relay/context.ts';
import { type RelayOptions, readOptions } from '../../src/relay-host/options.ts';

function reached(
  allow: string[],
  localAddress: string,
  headers: Record<string, string> = {},
  options: Partial<RelayOptions> = {},
) {
  const context = {
    config: readOptions({ allow, allowNoOrigin: true, ...options }),
  } as unknown as RelayContext;
  const admission = new Admission(context, () => false);
  const socket = { localAddress, localPort: 80, remoteAddress: '127.0.0.1' };
  const request = { url: '/v1', httpVersion: '1.1', method: 'GET', headers, socket };
  return admission.judge(request as unknown as IncomingMessage)?.code;
}

describe('without tokens, a relay', () => {
  it('on a server of somebody else’s, where it was reached decides', () => {
    expect(reached(['203.0.113.7', 'hub.example.com'], '192.168.1.2')).toBe('open_relay');
    expect(reached(['203.0.113.7', 'hub.example.com'], '::ffff:127.0.0.1')).toBeUndefined();
    expect(reached(['203.0.113.7'], '192.168.1.2')).toBeUndefined();
  });

  it.each(['x-forwarded-for', 'forwarded', 'x-real-ip', 'via'])(
    'on loopback is open to all behind a proxy that it does not know, and then serves one literal address only (%s)',
    (name) => {
      const headers = { [name]: '203.0.113.77' };
      const many = ['203.0.113.7', '203.0.113.8'];
      expect(reached(many, '127.0.0.1')).toBeUndefined();
      expect(reached(many, '127.0.0.1', headers)).toBe('open_relay');
      expect(reached(['hub.example.com'], '127.0.0.1', headers)).toBe('open_relay');
      expect(reached(['203.0.113.7'], '127.0.0.1', headers)).toBeUndefined();
      // One that it knows may lead everybody to one place.
      const trustedProxies = ['127.0.0.1'];
      expect(reached(['hub.example.com'], '127.0.0.1', headers, { trustedProxies })).toBeUndefined();
      expect(reached(many, '127.0.0.1', headers, { trustedProxies })).toBe('open_relay');
    },
  );
});
