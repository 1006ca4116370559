// RFC 6455 §4: what a server must answer, and what happens to one that answers something else.
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../../src/client/websocket/connection.ts';
import { acceptOf, requestText } from '../../../src/client/websocket/handshake.ts';
import { WebSocket } from '../../../src/client/websocket/websocket.ts';
import { loopbackDialer } from '../../support/loopback-dialer.ts';

/** A server that answers a request with these lines, and says nothing more. */
async function outcome(answer: (accept: string) => string, protocols: string[] = []): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (request) => {
      const [, key] = /Sec-WebSocket-Key: (.*)\r\n/.exec(String(request))!;
      void acceptOf(key!).then((accept) => socket.write(answer(accept), 'latin1'));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const limits = { ...DEFAULT_LIMITS, openTimeout: 300, closeTimeout: 20 };
  const socket = new WebSocket(loopbackDialer, `ws://127.0.0.1:${port}/`, protocols, limits);
  const result = await new Promise<string>((resolve) => {
    socket.onopen = () => resolve(`open ${socket.protocol}`);
    socket.onerror = ({ message }) => resolve(message);
  });
  socket.close();
  server.close();
  return result;
}

const lines = (...all: string[]) => `${all.join('\r\n')}\r\n\r\n`;
const good = (accept: string, ...more: string[]) =>
  lines(
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
    ...more,
  );

describe('the handshake', () => {
  it('accepts the key as the RFC does', async () => {
    expect(await acceptOf('dGhlIHNhbXBsZSBub25jZQ==')).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  });

  it('asks for what the URL names', () => {
    const url = new URL('ws://me:p%40ss@[fd00::1]:81/a%20b?c');
    const text = requestText({ url, key: 'KEY', protocols: ['a', 'b'], origin: 'https://page.example' });
    expect(text.split('\r\n')).toEqual([
      'GET /a%20b?c HTTP/1.1',
      'Host: [fd00::1]:81',
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Key: KEY',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Protocol: a, b',
      'Origin: https://page.example',
      `Authorization: Basic ${btoa('me:p@ss')}`,
      '',
      '',
    ]);
  });

  it.each<[string, (accept: string) => string, string[]]>([
    ['a plain answer', (accept) => good(accept), []],
    ['an empty list of extensions', (accept) => good(accept, 'Sec-WebSocket-Extensions:'), []],
    ['a subprotocol', (accept) => good(accept, 'sec-websocket-protocol: b'), ['a', 'b']],
    [
      'informational answers before it',
      (accept) => `${lines('HTTP/1.1 100 Continue')}${lines('HTTP/1.1 103 x', 'Link: </a>')}${good(accept)}`,
      [],
    ],
    ['other words, other case', (accept) => good(accept).replace('Upgrade\r', 'keep-alive, UPGRADE\r'), []],
  ])('opens with %s', async (_what, answer, protocols) => {
    expect(await outcome(answer, protocols)).toBe(`open ${protocols[1] ?? ''}`);
  });

  it.each<[string, (accept: string) => string, string, string[]?]>([
    ['another key accepted', () => good(btoa('x'.repeat(20))), 'Accept'],
    ['the key accepted twice', (accept) => good(accept, `Sec-WebSocket-Accept: ${accept}`), 'Accept'],
    ['nothing accepted', () => good('').replace('Sec-WebSocket-Accept: \r\n', ''), 'Accept'],
    ['no Upgrade', (accept) => good(accept).replace('Upgrade: websocket\r\n', ''), 'Upgrade: websocket'],
    ['another Upgrade', (accept) => good(accept).replace(': websocket', ': h2c'), 'Upgrade: websocket'],
    ['no Connection', (accept) => good(accept).replace('Connection: Upgrade\r\n', ''), 'Connection'],
    ['status 200', (accept) => good(accept).replace('101', '200'), 'status 200'],
    ['a redirect', () => lines('HTTP/1.1 302 Found', 'Location: /'), 'status 302'],
    ['HTTP/1.0', (accept) => good(accept).replace('1.1', '1.0'), 'not HTTP/1.1'],
    ['no HTTP', () => lines('SSH-2.0-OpenSSH'), 'not HTTP/1.1'],
    ['the first words of another protocol', () => 'SSH-2.0-OpenSSH\r\n', 'not HTTP/1.1'],
    ['lines that end in LF only', (accept) => good(accept).replaceAll('\r\n', '\n'), 'header'],
    [
      'informational answers without end',
      () => lines('HTTP/1.1 103 x').repeat(1000),
      'more than 16384 bytes',
    ],
    ['an extension', (accept) => good(accept, 'Sec-WebSocket-Extensions: permessage-deflate'), 'extension'],
    ['a subprotocol unasked', (accept) => good(accept, 'Sec-WebSocket-Protocol: a'), 'not offered'],
    ['none of the subprotocols', (accept) => good(accept), 'none of', ['a']],
    [
      'a subprotocol in other case',
      (accept) => good(accept, 'Sec-WebSocket-Protocol: A'),
      'not offered',
      ['a'],
    ],
    [
      'two subprotocols',
      (accept) => good(accept, 'Sec-WebSocket-Protocol: a', 'Sec-WebSocket-Protocol: b'),
      'more than one',
      ['a', 'b'],
    ],
    ['a folded header', (accept) => good(accept, 'X: a', ' b'), 'header'],
    ['a header without a colon', (accept) => good(accept, 'nonsense'), 'header'],
    ['a space before the colon', (accept) => good(accept, 'X : a'), 'header'],
    ['a bare line feed in a header', (accept) => good(accept, 'X: a\nY: b'), 'header'],
    ['a NUL in a header', (accept) => good(accept, 'X: \0'), 'header'],
    ['headers without end', () => `HTTP/1.1 101 x\r\nX: ${'x'.repeat(17_000)}`, 'more than 16384 bytes'],
    ['an answer without end', () => 'HTTP/1.1 101 x\r\n', 'in time'],
  ])('fails with %s', async (_what, answer, words, protocols) => {
    expect(await outcome(answer, protocols)).toContain(words);
  });
});
