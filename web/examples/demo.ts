// What all of these pages share: a configuration for the demo network that `npm start` runs, and a place to print. In a page
// of your own both come from elsewhere: a file that the user gave, and the relay's URL.
import { generateKeyPair } from 'tabwire';

const output = document.querySelector('output')!;

/** One line. */
export function print(...values: unknown[]): void {
  output.append(`${values.join(' ')}\n`);
}

/** The program ran to its end. */
export function done(): void {
  output.dataset.state = 'done';
}

function failed(reason: unknown): void {
  print(String(reason));
  output.dataset.state = 'failed';
}

addEventListener('error', ({ message }) => failed(message));
addEventListener('unhandledrejection', ({ reason }) => failed(reason));

const keys = await generateKeyPair();
const answer = await fetch('/demo/enrol', {
  method: 'POST',
  headers: { 'content-type': 'application/json', 'x-tabwire': '1' },
  body: JSON.stringify({ publicKey: keys.publicKey }),
}).then((response) => {
  if (!response.ok) throw new Error('There is no demo network here: these pages are for `npm start`.');
  return response.json() as Promise<{ config: string; site: { ipv4: string; ipv6: string } }>;
});

/** A wg-quick file without its PrivateKey. */
export const publicConfig = answer.config;

/** A whole wg-quick file. */
export const config = publicConfig.replace('[Interface]', `[Interface]\nPrivateKey = ${keys.privateKey}`);

/** The relay's URL. */
export const relay = new URL('/v1', location.href.replace(/^http/, 'ws')).href;

/** The demo's one host: an echo on port 7 of TCP and UDP, a web site on port 80. */
export const host = answer.site.ipv4;
