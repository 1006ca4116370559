// Each failure that the console has a sentence for because a person can meet it on the way: the browser test that produces it
// for real, and the words that this test waits for in the page. Here nothing is produced: a test that gets lost, or is switched
// off, is noticed.
import { describe, expect, it } from 'vitest';
import { hasTest } from '../support/titles.ts';

const CONSOLE = 'test/browser/console.spec.ts';
const DOCTOR = 'test/browser/doctor.spec.ts';
const TROUBLE = 'test/browser/trouble.spec.ts';
const ELSEWHERE = 'test/interop/key-elsewhere.spec.ts';
const TOOLS = 'test/interop/console-tools.spec.ts';

/** What is wrong; the test that makes it so; what the page says in it. */
const ROWS: [what: string, file: string, title: string, says: string][] = [
  [
    'WebSocket blocked by a proxy',
    DOCTOR,
    'something on the way that lets HTTP through but no WebSocket',
    'answers, but no WebSocket gets through',
  ],
  ['CSP', DOCTOR, 'a relay that the rules of the page forbid', 'Content-Security-Policy'],
  ['relay unreachable', CONSOLE, 'a relay that is not there says what to do', 'does not answer'],
  ['page refused by the relay', TROUBLE, 'that refuses this page names', 'refuses this page'],
  ['token refused', DOCTOR, 'a token that the relay does not accept', 'refused the token'],
  ['no token', DOCTOR, 'a relay that wants a token, where there is none', 'wants a token'],
  ['not logged in', DOCTOR, 'that gives no token yet says to log in', 'gave no token for the relay: log in'],
  ['endpoint not allowed', CONSOLE, 'an endpoint that the relay does not allow', 'may not send to'],
  ['UDP refused by ICMP', DOCTOR, 'a host that refuses UDP by ICMP', 'refuses UDP on that port'],
  ['no answer: our public key', CONSOLE, 'a wrong key is told honestly', 'peer: $'],
  ['no answer: the line to compare', CONSOLE, 'a wrong key is told honestly', 'wg show'],
  ['preshared key', CONSOLE, 'a preshared key on one side only', 'The preshared key differs'],
  [
    'preshared key, to the doctor',
    DOCTOR,
    'where no tunnel is open, the path doctor',
    'The preshared key differs',
  ],
  ['key in another tab', CONSOLE, 'a second tab with the same key', 'Another tab uses this key right now'],
  [
    'key in use elsewhere',
    ELSEWHERE,
    'another device has its key',
    'Another device probably uses this key too',
  ],
  [
    'key in use elsewhere, to the doctor',
    ELSEWHERE,
    'another device has its key',
    'works up to here: handshake',
  ],
  ['MTU, unasked', TOOLS, 'large packets are lost on the way says so', 'Large packets were lost on the way'],
  ['MTU, to the doctor', DOCTOR, 'a way that loses large packets', 'large packets are lost on the way'],
  ['no WASM SIMD', DOCTOR, 'a browser without WebAssembly SIMD', 'lacks WebAssembly SIMD'],
  [
    'storage not persistent, on saving',
    DOCTOR,
    'what is saved where the browser promises nothing',
    'This browser may delete it when it needs room',
  ],
  [
    'storage not persistent, to the doctor',
    DOCTOR,
    'what is saved where the browser promises nothing',
    'has not promised to keep the saved tunnels',
  ],
];

describe('each failure on the way', () => {
  it.each(ROWS)('has its test, which waits for its words: %s', (_, file, title, says) => {
    expect(hasTest(file, title, says), `${file}: ${title}`).toBe(true);
  });
});
