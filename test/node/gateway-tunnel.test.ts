// A tunnel that stands in for hosts beyond it, before a client of ours, over UDP on loopback. What is beyond is made up.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ForeignPacket, GatewayTunnel } from '../../src/node/gateway-tunnel.ts';
import { derivePublicKey, generatePrivateKey, Tunnel } from '../../src/node/index.ts';
import { freeUdpPort } from '../support/free-port.ts';

const BEYOND = '203.0.113.7';
let us: Tunnel;
let gateway: GatewayTunnel;
const asked: string[] = [];

function judge(packet: ForeignPacket) {
  const { kind, from, to, data } = packet;
  asked.push(`${kind} ${from.address} ${to.address}:${kind === 'echo' ? '-' : to.port} ${data.length}`);
  if (kind === 'echo') return 'deliver' as const;
  if (to.port === 81) return 'refuse' as const;
  if (to.port === 82) return 'prohibit' as const;
  if (to.port === 83) return 'unreachable' as const;
  if (kind === 'datagram') {
    const copy = Buffer.from(data).reverse();
    setImmediate(() => gateway.sendDatagram(to, from, copy));
  } else {
    const answer = packet.hold();
    setImmediate(() => answer(to.port === 84 ? 'refuse' : 'deliver'));
  }
  return 'taken' as const;
}

beforeAll(async () => {
  const [ours, theirs, port] = [generatePrivateKey(), generatePrivateKey(), await freeUdpPort()];
  gateway = await GatewayTunnel.open(
    `[Interface]
PrivateKey = ${theirs}
Address = 10.8.0.1/24
ListenPort = ${port}
[Peer]
PublicKey = ${derivePublicKey(ours)}
AllowedIPs = 10.8.0.2/32`,
    {},
    {
      judge,
      accepted: ({ to, stream }) => {
        stream.on('error', () => {});
        if (to.port === 85) stream.destroy();
        else stream.pipe(stream);
      },
    },
  );
  us = await Tunnel.open(`[Interface]
PrivateKey = ${ours}
Address = 10.8.0.2/24
[Peer]
PublicKey = ${derivePublicKey(theirs)}
AllowedIPs = 10.8.0.0/24, 203.0.113.0/24
Endpoint = 127.0.0.1:${port}`);
  await us.ready;
});

afterAll(async () => {
  await us.close({ timeout: 0 });
  await gateway.close();
});

describe('beyond the tunnel', () => {
  it('a connection is made in that host’s name, and a half of it can end', async () => {
    const { readable, writable, remoteAddress } = await new us.TCPSocket(BEYOND, 80).opened;
    expect(remoteAddress).toBe(BEYOND);
    const writer = writable.getWriter();
    void writer.write(new Uint8Array(300_000).fill(7));
    void writer.close();
    let length = 0;
    for await (const chunk of readable as unknown as AsyncIterable<Uint8Array>) length += chunk.length;
    expect(length).toBe(300_000);
  });

  it.each([
    [81, 'ERR_CONNECTION_REFUSED'],
    [82, 'ERR_HOST_UNREACHABLE'],
    [84, 'ERR_CONNECTION_REFUSED'],
  ])('port %i ends with %s', async (port, code) => {
    const error = await new us.TCPSocket(BEYOND, port).opened.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ cause: { code } });
  });

  it('what breaks there is reset here', async () => {
    const { readable } = await new us.TCPSocket(BEYOND, 85).opened;
    const error = await readable
      .getReader()
      .read()
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ cause: { code: 'ERR_CONNECTION_RESET' } });
  });

  it('datagrams go there and come back', async () => {
    const { readable, writable } = await new us.UDPSocket({ remoteAddress: BEYOND, remotePort: 53 }).opened;
    await writable.getWriter().write({ data: Uint8Array.of(1, 2, 3) });
    const { value } = await readable.getReader().read();
    expect([...(value!.data as Uint8Array)]).toEqual([3, 2, 1]);
  });

  it('a ping is answered', async () => {
    for await (const reply of us.ping(BEYOND, { count: 1, size: 100 }))
      expect(reply).toMatchObject({ ok: true, from: BEYOND });
    expect(asked).toContain(`echo 10.8.0.2 ${BEYOND}:- 100`);
  });

  it('the gateway itself is another', async () => {
    const before = asked.length;
    const error = await new us.TCPSocket('10.8.0.1', 80).opened.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ cause: { code: 'ERR_CONNECTION_REFUSED' } });
    expect(asked).toHaveLength(before);
  });
});
