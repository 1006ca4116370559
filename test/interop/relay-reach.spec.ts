// Where relays stand: on another host than the WireGuard endpoint, or on the same one, at an address that is no loopback.

import { join } from 'node:path';
import { hostAndPort } from '../../src/core/host-port.ts';
import { run } from '../support/child-process.ts';
import { expect, test } from '../support/interop-test.ts';
import { Namespace, uniqueName } from '../support/namespace.ts';

const SCRIPT = join(import.meta.dirname, '../support/relay-reach.ts');
const NODE = [process.execPath, ['--import', 'tsx', SCRIPT]] as const;

async function endpoint(host: Namespace, address: string, ...wanted: string[]) {
  const child = host.start(NODE[0], [...NODE[1], 'endpoint', address, ...wanted]);
  const [, port = ''] = await child.saw(/^port (\d+)$/m, 30_000);
  return { child, port, place: hostAndPort(address, port) };
}

/** Two hosts with a network between them; the second has one more address. */
async function connectedHosts(): Promise<readonly [Namespace, Namespace]> {
  const names = [uniqueName(), uniqueName()] as const;
  const hosts = [await Namespace.create(names[0]), await Namespace.create(names[1])] as const;
  const link = ['link', 'add', names[0], 'type', 'veth', 'peer', 'name', names[1], 'netns', names[1]];
  await run('ip', ['-n', names[0], ...link]);
  for (const [n, name] of names.entries()) {
    await run('ip', ['-n', name, 'addr', 'add', `192.0.2.${n + 1}/24`, 'dev', name]);
    await run('ip', ['-n', name, 'addr', 'add', `2001:db8::${n + 1}/64`, 'dev', name, 'nodad']);
    await run('ip', ['-n', name, 'link', 'set', name, 'up']);
  }
  await run('ip', ['-n', names[1], 'addr', 'add', '192.0.2.3/24', 'dev', names[1]]);
  return hosts;
}

test('a relay reaches endpoints on another host and on its own, from the address that leads there @core', async ({
  interopWorks: _,
}) => {
  const hosts = await connectedHosts();
  try {
    const endpoints = await Promise.all([
      endpoint(hosts[1], '192.0.2.2'),
      endpoint(hosts[1], '2001:db8::2'),
      endpoint(hosts[0], '192.0.2.1'),
    ]);
    const relay = hosts[0].start(NODE[0], [...NODE[1], 'relay', ...endpoints.map(({ place }) => place)]);
    await relay.saw(/^done$/m, 30_000);
    expect(relay.output).toContain('3 opened');
    const seen = endpoints.map(({ child }) => /^from (\S+)/m.exec(child.output)?.[1]);
    expect(seen).toEqual(['192.0.2.1', '2001:db8::1', '192.0.2.1']);
  } finally {
    for (const host of hosts) await host.delete();
  }
});

test('a name that comes to mean another address does not move a channel; one that is opened again goes there', async ({
  interopWorks: _,
}) => {
  const hosts = await connectedHosts();
  try {
    const first = await endpoint(hosts[1], '192.0.2.2');
    const second = await endpoint(hosts[1], '192.0.2.3', first.port);
    const script = join(import.meta.dirname, '../support/relay-renamed.ts');
    const places = ['192.0.2.2', '192.0.2.3', first.port];
    const seen = JSON.parse(await hosts[0].exec(NODE[0], '--import', 'tsx', script, ...places)) as unknown;
    expect(seen).toMatchObject({
      opened: ['192.0.2.2', '192.0.2.3'],
      asked: [1, 3],
      // Then the name leads where no rule can.
      closed: [{ channel: 2, code: 4405, reason: 'not_allowed' }],
    });
    // A handshake and data each: nothing of the open channel went to the other address.
    const arrived = [first, second].map(({ child }) => child.output.match(/^from .*$/gm));
    expect(arrived[0]).toEqual(['from 192.0.2.1 type 1', 'from 192.0.2.1 type 4']);
    expect(arrived[1]).toEqual(arrived[0]);
  } finally {
    for (const host of hosts) await host.delete();
  }
});
