// For a network namespace: `FIRST SECOND PORT`. A relay that may reach one name, a name server that says where that is, and a
// client whose channel is open while it says something else. Prints what the client saw, as JSON.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { decode, encode, type Packet } from '@leichtgewicht/dns-packet';
import { CLOSE, CLOSED, OPENED, writeControl } from '../../src/core/wire/relay.ts';
import { createRelay } from '../../src/relay-host/index.ts';
import { createResolver, queryServers } from '../../src/relay-host/resolver.ts';
import { data, FakeEndpoint, initiation } from '../relay/fake-endpoint.ts';
import { RelayClient, until } from '../relay/relay-client.ts';

const [first, second, port] = [process.argv[2]!, process.argv[3]!, Number(process.argv[4])];
const NAME = 'hub.example.com';
/** Longer than the resolver keeps any answer of this server. */
const LATER = 31_000;

/** Where the name server says that the name is. */
let address = first;
let asked = 0;
const server = createSocket('udp4');
server.bind(0, '127.0.0.1');
await once(server, 'listening');
server.on('message', (bytes, from) => {
  const { id = 0, questions = [] } = decode(bytes) as Packet;
  const { name, type } = questions[0]!;
  if (type === 'A') asked++;
  const answers = type === 'A' && name === NAME ? [{ type, name, ttl: 1, data: address }] : [];
  server.send(encode({ type: 'response', id, questions, answers } as Packet), from.port, from.address);
});

let later = 0;
const now = () => performance.now() + later;
const relay = createRelay({
  listen: '127.0.0.1:0',
  allow: [`${NAME}:${port}`],
  allowNoOrigin: true,
  now,
  resolve: createResolver(now, queryServers([`127.0.0.1:${server.address().port}`])),
});
const { url } = await relay.listen();
const client = await RelayClient.connect(url);
const answered = (count: number) => until(() => client.datagrams.length === count, `datagram ${count}`, 5000);
const open = (channel: number) => client.control(client.open(channel, port, NAME));

open(1);
client.send([1, initiation(1)]);
await answered(1);
address = second;
later += LATER;
open(1);
client.send([1, data(FakeEndpoint.INDEX, 100)]);
await answered(2);
const askedMeanwhile = asked;
client.control(writeControl({ type: CLOSE, channel: 1 }));
open(1);
client.send([1, initiation(2)]);
await answered(3);
address = '169.254.169.254';
later += LATER;
open(2);
await until(() => client.of(CLOSED).length === 1, 'the refusal', 5000);
client.send([1, data(FakeEndpoint.INDEX, 100)]);
await answered(4);

const opened = client.of(OPENED).map((each) => Array.from(each.address).join('.'));
console.log(JSON.stringify({ opened, asked: [askedMeanwhile, asked], closed: client.of(CLOSED) }));
await client.close();
await relay.close();
server.close();
