import { Duplex, duplexPair } from 'node:stream';
import type { DemoSsh } from '../../src/node/demo-ssh.ts';
import { SshConnection, type SshOptions } from '../../web/ssh/connection.ts';
import { KnownHosts } from '../../web/ssh/known-hosts.ts';

/** Host keys that are forgotten with the test. */
export function forgetfulHosts(): KnownHosts {
  return new KnownHosts({
    list: () => Promise.resolve([]),
    put: () => Promise.resolve(),
    delete: () => Promise.resolve(),
  });
}

/** How the console logs in, for somebody who trusts everybody and knows no password. */
export function sshOptions(more: Partial<SshOptions> = {}): SshOptions {
  return {
    place: { identity: 'us', host: 'demo', port: 22 },
    username: 'guest',
    signers: [],
    knownHosts: forgetfulHosts(),
    ask: () => Promise.resolve(undefined),
    trust: () => Promise.resolve(true),
    ...more,
  };
}

/**
 * Two ends of a connection in memory. Nothing arrives while it is being written, as on no network: ssh2 counts a packet only
 * after it has written it, and an answer that came at once would be met with the same number again.
 */
export function connectionPair(): [Duplex, Duplex] {
  const pair = duplexPair() as [Duplex, Duplex];
  for (const side of pair) {
    const write = side._write.bind(side);
    side._write = (chunk, encoding, done) => setImmediate(write, chunk, encoding, done);
  }
  return pair;
}

/** The console's SSH on the demo's, without a network. */
export function visit(
  server: DemoSsh,
  { remoteAddress = '10.86.0.2', ...more }: Partial<SshOptions> & { remoteAddress?: string } = {},
): Promise<SshConnection> {
  const [ours, theirs] = connectionPair();
  const { readable, writable } = Duplex.toWeb(theirs) as {
    readable: ReadableStream<Uint8Array<ArrayBuffer>>;
    writable: WritableStream<BufferSource>;
  };
  void server.serve({ readable, writable, remoteAddress });
  return SshConnection.open(ours, sshOptions(more));
}
