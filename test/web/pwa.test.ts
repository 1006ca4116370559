import { describe, expect, it } from 'vitest';
import { routeOf } from '../../web/pwa/routes.ts';
import { isOlder } from '../../web/pwa/version.ts';

describe('what the service worker touches', () => {
  const scope = 'https://site.example/tools/tabwire/';
  const route = (path: string, mode = 'cors', method = 'GET') =>
    routeOf({ url: new URL(path, scope).href, mode, method }, scope);

  it('is the page when it is gone to, and files whose names say their content', () => {
    expect(route('', 'navigate')).toBe('page');
    expect(route('index.html?x=1', 'navigate')).toBe('page');
    expect(route('assets/index-GUHBFE9C.js')).toBe('asset');
    expect(route('assets/tabwire-B9BA-_L4.wasm')).toBe('asset');
  });

  it('is nothing else: no settings, no token, no login, no relay, no other origin, no other method', () => {
    for (const path of [
      'tabwire.json',
      'v1',
      'v1/check',
      'tabwire/token',
      'tabwire/enrol',
      'demo/enrol',
      'sw.js',
    ])
      for (const mode of ['cors', 'navigate', 'no-cors']) expect(route(path, mode), path).toBe('none');
    expect(route('login', 'navigate')).toBe('none');
    expect(route('')).toBe('none');
    expect(route('/assets/index-GUHBFE9C.js')).toBe('none');
    expect(route('assets/settings.json')).toBe('none');
    expect(route('assets/../tabwire.json')).toBe('none');
    expect(route('https://elsewhere.example/tools/tabwire/assets/index-GUHBFE9C.js')).toBe('none');
    expect(route('', 'navigate', 'POST')).toBe('none');
  });
});

describe('a minimum version', () => {
  it('is compared number by number', () => {
    expect(isOlder('0.1.0', '0.1.0')).toBe(false);
    expect(isOlder('0.1.0', '0.1')).toBe(false);
    expect(isOlder('0.9.0', '0.10.0')).toBe(true);
    expect(isOlder('1', '0.99.99')).toBe(false);
    expect(isOlder('1.0.0', '1.0.1')).toBe(true);
  });

  it('that is none shuts nobody out', () => {
    for (const minimum of ['', 'soon', '1.0.0-beta', '1.2.3.4'])
      expect(isOlder('0.1.0', minimum)).toBe(false);
  });
});
