// The scanner itself: tests that find no secret are worth what it finds where there is one.
import { describe, expect, it } from 'vitest';
import { secretsIn, shapesOfSecrets } from '../support/secret-scan.ts';

const KEY = Buffer.from('KIRWTl8xrTVZXCKwBRW8qZ9ubKpg3nlX2K4Rkz4nAGc=', 'base64');
const TOKEN = 'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl';
const SECRETS = [
  { name: 'a key', bytes: KEY },
  { name: 'a token', bytes: Buffer.from(TOKEN) },
];

describe('a secret in a text', () => {
  it.each([
    ['base64', KEY.toString('base64')],
    ['base64url', KEY.toString('base64url')],
    ['hex', KEY.toString('hex').toUpperCase()],
    ['numbers', JSON.stringify([...KEY])],
    ['text', KEY.toString('latin1')],
    ['part of a URL', encodeURIComponent(KEY.toString('latin1'))],
  ])('is found as %s, and its beginning is enough', (notation, written) => {
    const line = `12:00 INFO  opening ${written.slice(0, written.length * 0.7)}… peer=x`;
    expect(secretsIn(line, SECRETS)).toContain(`a key, as ${notation}`);
  });

  it('may be text itself', () => {
    expect(secretsIn(`GET /?token=${TOKEN}`, SECRETS)).toContain('a token, as text');
    expect(secretsIn(Buffer.from(TOKEN).toString('hex'), SECRETS)).toContain('a token, as hex');
  });

  it('is not found where there is none', () => {
    expect(secretsIn('Received handshake response from peer(KIRW…AGc=)', SECRETS)).toEqual([]);
  });
});

describe('what looks like a secret', () => {
  it('is a token, what follows “bearer”, and any key that is not known', () => {
    const known = 'x'.repeat(43).concat('=');
    const text = `a ${TOKEN} b Bearer abcdefgh12 peer=${known} key=${KEY.toString('base64')} ${KEY.toString('hex')}`;
    expect(shapesOfSecrets(text, [known])).toEqual([
      TOKEN,
      'Bearer abcdefgh12',
      KEY.toString('base64'),
      KEY.toString('hex'),
    ]);
    expect(shapesOfSecrets('Connecting relays=ws://127.0.0.1:8080/v1 peer(KIRW…AGc=)', [])).toEqual([]);
  });
});
