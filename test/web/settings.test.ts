import { describe, expect, it } from 'vitest';
import { readDemoNetwork } from '../../web/demo.ts';
import { readSettings } from '../../web/settings.ts';

const NOTHING = {
  relay: [],
  demo: undefined,
  login: undefined,
  token: undefined,
  enrol: undefined,
  policy: { saveKeys: true, otherRelays: true },
  serviceWorker: true,
  minimumVersion: undefined,
};

describe('tabwire.json', () => {
  it('may name one relay or several, and a demo', () => {
    expect(readSettings({ relay: '/v1', demo: { enrol: '/demo/enrol' } })).toEqual({
      ...NOTHING,
      relay: ['/v1'],
      demo: { enrol: '/demo/enrol' },
    });
    expect(readSettings({ relay: ['wss://a', 'wss://b'] }).relay).toEqual(['wss://a', 'wss://b']);
  });

  it('may be absent or be anything', () => {
    for (const value of [
      undefined,
      null,
      3,
      'x',
      [],
      { relay: 5, demo: true },
      { relay: [1, ''], demo: { enrol: 2 } },
    ])
      expect(readSettings(value)).toEqual(NOTHING);
  });

  it('may say where to log in, and what people may do', () => {
    const site = { login: '/oauth2/start', token: '/tabwire/token', enrol: '/tabwire/enrol' };
    const policy = { saveKeys: false, otherRelays: false };
    expect(readSettings({ ...site, policy })).toEqual({ ...NOTHING, ...site, policy });
    expect(readSettings({ policy: { saveKeys: 'no' } }).policy.saveKeys).toBe(true);
  });

  it('may end the service worker, and say which versions are too old', () => {
    const site = { serviceWorker: false, minimumVersion: '1.2.0' };
    expect(readSettings(site)).toEqual({ ...NOTHING, ...site });
    expect(readSettings({ serviceWorker: 'no', minimumVersion: 2 })).toEqual(NOTHING);
  });

  it('cannot make a link or a request to anything but HTTP', () => {
    for (const login of ['javascript:alert(1)', '//elsewhere.example', 'data:,x', '', 5])
      expect(readSettings({ login, token: login, enrol: login })).toEqual(NOTHING);
  });
});

describe('the demo network’s answer', () => {
  const site = { ipv4: '10.88.0.1', ipv6: 'fd88::1', port: 80, downloadPath: '/file' };

  it('is a configuration and a site', () => {
    expect(readDemoNetwork({ config: '[Interface]', relay: 'ws://r', site })).toEqual({
      config: '[Interface]',
      relay: ['ws://r'],
      site,
    });
  });

  it('is refused without them', () => {
    for (const value of [undefined, {}, { config: 'x' }, { site }, { config: 1, site }])
      expect(readDemoNetwork(value)).toBeUndefined();
  });
});
