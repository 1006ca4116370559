// Every example runs against the demo network, and prints what it says it prints.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '../support/console-test.ts';

/** What each page prints, line by line. */
const PRINTS: Record<string, (string | RegExp)[]> = {
  '01-open': [
    /^handshake with \S{44}$/,
    'transport: open',
    /^peer at 127\.0\.0\.1:\d+ may send from 10\.86\.0\.0\/16, fd86::\/64$/,
    'closed',
  ],
  '02-tcp': [
    'connected to 10.86.0.1 port 7',
    'echo: hello, tunnel',
    'closed',
    'NetworkError ERR_CONNECTION_REFUSED',
  ],
  '03-fetch': ['200 text/html; charset=utf-8', 'You are inside', 'downloaded 8388608 bytes', '404 false'],
  '04-udp': ['connected: a datagram', 'bound: a datagram from 10.86.0.1 port 7'],
  '05-server': ['the server says: welcome', 'nobody listens any more'],
  '06-dns': [
    'demo.internal answers 200',
    'A www.example 10.86.0.1 for 300 s',
    'ERR_NAME_NOT_RESOLVED no-name',
  ],
  '07-ping': [
    ...[0, 1, 2].map((n) => new RegExp(`^ping ${n} 56 bytes from 10\\.86\\.0\\.1$`)),
    'hop 1 10.86.0.1 is the host',
    'port 7 open',
    'port 80 open',
    'port 81 closed',
    'path MTU: 1420 bytes',
  ],
  '08-websocket': ['open', 'echo: text', 'echo: 1 2 3', 'closed', /404/],
  '09-connect': ['echo: one call', 'remote: 10.86.0.1:7', 'ERR_TLS_UNAVAILABLE'],
  '10-capture': ['ping 0 true', 'ping 1 true', 'ping 2 true', 'a pcapng file: 0a0d0d0a with packets'],
  '11-configure': [
    /^error in line \d+ Colour – .*Colour/,
    'peers changed: 0',
    /^mtu resets nothing – .*1280/,
    'the connection is ESTABLISHED',
  ],
  '12-keys': [
    'extractable: false',
    'the public key fits: true',
    'a preshared key has 32 bytes',
    'the tunnel has it: true',
    'second: ERR_IN_USE',
    'first: ERR_IN_USE',
    'third: ready',
  ],
  '13-diagnose': [
    ...['browser', 'relay', 'endpoint', 'handshake', 'inside'].map((leg) => new RegExp(`^✓ ${leg} – `)),
    ...['endpoint', 'handshake', 'inside'].map((leg) => new RegExp(`^✗ ${leg} – `)),
  ],
  '14-node': ['echo: hello, net', '200 text/html; charset=utf-8', 'connect ECONNREFUSED 10.86.0.1:81'],
  '15-options': [
    'a token, to connect',
    'db.internal answers 200',
    'the log tells something: true',
    'ERR_CONFIG The option `token` must be text, or a function that gives it.',
    'closed',
  ],
};

test('every example has its expectation', () => {
  const pages = readdirSync(join(import.meta.dirname, '../../web/examples'))
    .filter((name) => /^\d.*\.html$/.test(name))
    .map((name) => name.replace('.html', ''));
  expect(pages.sort()).toEqual(Object.keys(PRINTS));
});

for (const [name, lines] of Object.entries(PRINTS))
  test(`example ${name}`, async ({ page, command }) => {
    await page.goto(`${command.url}examples/${name}.html`);
    const output = page.locator('output');
    await expect(output).toHaveAttribute('data-state', /done|failed/);
    const printed = (await output.innerText()).trimEnd().split('\n');
    expect(printed).toEqual(
      lines.map((line) => (typeof line === 'string' ? line : (expect.stringMatching(line) as unknown))),
    );
    await expect(page.locator('pre')).toContainText("from 'tabwire'");
  });
