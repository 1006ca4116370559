// For a network namespace. `endpoint HOST [PORT]`: stands for a WireGuard peer, prints "port N". `relay HOST:PORT …`: a relay, and a
// client that does a handshake with each of them through it; prints "N opened" and "done".

import { OPENED } from '../../src/core/wire/relay.ts';
import { createRelay } from '../../src/relay-host/index.ts';
import { FakeEndpoint, initiation } from '../relay/fake-endpoint.ts';
import { RelayClient, until } from '../relay/relay-client.ts';

const [role, ...places] = process.argv.slice(2);
if (role === 'endpoint') {
  const endpoint = await FakeEndpoint.open(
    places[0]!,
    places[1] === undefined ? undefined : Number(places[1]),
  );
  endpoint.socket.on('message', ([type], { address }) => console.log(`from ${address} type ${type}`));
  console.log(`port ${endpoint.port}`);
} else {
  const relay = createRelay({ listen: '127.0.0.1:0', allow: places, allowNoOrigin: true });
  const { url } = await relay.listen();
  const client = await RelayClient.connect(url);
  for (const [n, place] of places.entries()) {
    const [, host, port] = /^\[?(.+?)\]?:(\d+)$/.exec(place)!;
    client.send([0, client.open(n + 1, Number(port), host)], [n + 1, initiation(n)]);
  }
  await until(() => client.datagrams.length === places.length, 'all responses');
  console.log(`${client.of(OPENED).length} opened`);
  await client.close();
  await relay.close();
  console.log('done');
}
