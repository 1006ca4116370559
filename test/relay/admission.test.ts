import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { Admission } from '../../relay/admission.ts';
import type { RelayContext } from '../../relay/context.ts';
import { readOptions } from '../../src/relay-host/options.ts';

describe('without tokens, a relay', () => {
  it('on a server of somebody else’s, where it was reached decides', () => {
    const reached = (allow: string[], localAddress: string, origin?: string) => {
      const context = { config: readOptions({ allow, allowNoOrigin: true }) } as unknown as RelayContext;
      const admission = new Admission(context, () => false);
      const socket = { localAddress, localPort: 80 };
      const request = { url: '/v1', httpVersion: '1.1', method: 'GET', headers: { origin }, socket };
      return admission.judge(request as unknown as IncomingMessage)?.code;
    };
    expect(reached(['203.0.113.7', 'hub.example.com'], '192.168.1.2')).toBe('open_relay');
    expect(reached(['203.0.113.7', 'hub.example.com'], '::ffff:127.0.0.1')).toBeUndefined();
    expect(reached(['203.0.113.7'], '192.168.1.2')).toBeUndefined();
  });
});
