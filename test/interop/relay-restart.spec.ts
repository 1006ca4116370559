// The relay dies under an open TCP connection, and comes back.
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Tunnel } from '../../src/node/index.ts';
import { expect, test } from '../support/interop-test.ts';
import { generateKeys } from '../support/keys.ts';
import { LineStream } from '../support/line-stream.ts';
import { ourConfig, RealPeer } from '../support/real-peer.ts';
import { RelayProcess } from '../support/relay-process.ts';

test('kill -9 of the relay under a stream of lines: after its restart each comes once, without a new handshake @core', async ({
  interopWorks,
}) => {
  expect(interopWorks).toBe(true);
  const keys = generateKeys();
  const peer = await RealPeer.up({ publicKey: keys.publicKey });
  const ticketKeys = [randomBytes(32).toString('hex')];
  const relay = await RelayProcess.start({
    allow: [peer.endpoint],
    origins: [],
    allowNoOrigin: true,
    ticketKeys,
  });
  const tunnel = await Tunnel.open(ourConfig(peer, keys.privateKey), { relay: relay.url });
  try {
    await tunnel.ready;
    const stream = await LineStream.open(tunnel, peer);
    await expect.poll(() => stream.times.length).toBeGreaterThan(10);
    await relay.kill();
    await delay(500);
    await relay.restart();
    expect(await stream.next(3000)).toBeLessThan(3000);
    await delay(1000);
    expect(stream.fault).toBeUndefined();
    expect(peer.log.match(/Received handshake initiation/g)).toHaveLength(1);
  } finally {
    await tunnel.close();
    await relay.stop();
    await peer.down();
  }
});
