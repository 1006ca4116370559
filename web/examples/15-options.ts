// What `Tunnel.open` takes beside the configuration. (`privateKey` and `takeOver` are in 12-keys; `assets` says where the worker
// and the WASM are, if a bundler left them elsewhere; `tls` is a layer of yours for `https:`.)
import { Tunnel, type TunnelError } from 'tabwire';
import { config, done, host, print, relay } from './demo.ts';

const stop = new AbortController();
const log: string[] = [];

const tunnel = await Tunnel.open(config, {
  // In order: the second is for when the first does not answer.
  relay: [relay, 'wss://second.example/v1'],
  // Asked before every connection, for relays that want to know who it is; this one lets everybody in.
  token: (reason) => {
    print('a token, to', reason);
    return 'whatever-your-site-gives-to-who-is-logged-in';
  },
  // Names beside those that the DNS servers of the configuration know.
  dns: { hosts: { 'db.internal': [host] } },
  logger: (level, message) => log.push(`${level} ${message}`),
  signal: stop.signal,
});
await tunnel.ready;
print('db.internal answers', (await tunnel.fetch('http://db.internal/')).status);
print('the log tells something:', log.length > 0);

// A mistake is one sentence, at once.
await Tunnel.open(config, { relay, token: 7 as never }).catch(({ code, message }: TunnelError) =>
  print(code, message),
);

tunnel.addEventListener('close', () => {
  print('closed');
  done();
});
stop.abort();
