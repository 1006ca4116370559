import { describe, expect, it } from 'vitest';
import { readRelays } from '../../web/relay-address.ts';

const page = new URL('https://console.example/tabwire/');
const local = new URL('http://127.0.0.1:8686/');

describe('a relay’s address', () => {
  it('is taken as it is, several with spaces or commas between', () => {
    expect(readRelays('wss://a.example/v1, wss://b.example/v1', page).urls).toEqual([
      'wss://a.example/v1',
      'wss://b.example/v1',
    ]);
  });

  it('may be relative to the page’s host, or pasted from the address bar', () => {
    expect(readRelays('/v1', page).urls).toEqual(['wss://console.example/v1']);
    expect(readRelays('/v1', local).urls).toEqual(['ws://127.0.0.1:8686/v1']);
    expect(readRelays('https://relay.example/v1#x', page).urls).toEqual(['wss://relay.example/v1']);
  });

  it('must be encrypted on an https page, except on this computer', () => {
    expect(readRelays('ws://relay.example/v1', page).problem).toMatch(/wss:\/\//);
    expect(readRelays('ws://localhost:8686/v1', page).urls).toHaveLength(1);
    expect(readRelays('ws://relay.example/v1', local).urls).toHaveLength(1);
  });

  it('is asked for in one sentence where it is missing or none', () => {
    for (const text of ['', '  ', 'relay.example', 'ftp://relay.example', 'wss://'])
      expect(readRelays(text, page).problem, text).toMatch(/^[A-Z“].*\.$/);
  });
});
