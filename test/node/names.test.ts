// Names inside the tunnel, in Node over real UDP: one tunnel asks, a program behind the other answers.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { derivePublicKey, generatePrivateKey, Tunnel } from '../../src/node/index.ts';
import {
  addressRecord,
  aliasRecord,
  type DnsMessageFields,
  dnsMessage,
  dnsName,
  textRecord,
} from '../support/dns-messages.ts';
import { freeUdpPort } from '../support/free-port.ts';
import { concat, u16 } from '../support/packets.ts';

const V4 = '10.7.0.1';
const V6 = 'fd07::1';

/** What the server knows: names and types (A, AAAA …) to answers; all else does not exist. */
const zone: Record<string, DnsMessageFields> = {
  'web.corp.example A': { answers: [addressRecord('web.corp.example', V4)] },
  'web.corp.example AAAA': { answers: [addressRecord('web.corp.example', V6)] },
  'www.corp.example A': {
    answers: [aliasRecord('www.corp.example', 'web.corp.example'), addressRecord('web.corp.example', V4)],
  },
  'xn--bcher-kva.example A': { answers: [addressRecord('xn--bcher-kva.example', V4)] },
  'text.example TXT': { answers: [textRecord('text.example', 'one', 'zw\xc3\xb6lf')] },
  '1.0.7.10.in-addr.arpa PTR': {
    answers: [{ name: '1.0.7.10.in-addr.arpa', type: 'PTR', data: dnsName('web.corp.example') }],
  },
  'mail.example MX': {
    answers: [{ name: 'mail.example', type: 'MX', data: concat(u16(5), dnsName('mx.example')) }],
  },
  'far.example A': { answers: [addressRecord('far.example', '192.0.2.1')] },
  'dead.example A': { answers: [addressRecord('dead.example', '10.7.0.99')] },
};

describe('names inside the tunnel', () => {
  let alice: Tunnel;
  let bob: Tunnel;
  let configOf: (dns: string) => string;
  /** Names and types, as they were asked for. */
  const asked: string[] = [];
  let isSilent = false;

  beforeAll(async () => {
    const [a, b] = [generatePrivateKey(), generatePrivateKey()];
    const port = await freeUdpPort();
    bob = await Tunnel.open(`[Interface]
PrivateKey = ${b}
Address = ${V4}/24, ${V6}/64
ListenPort = ${port}
[Peer]
PublicKey = ${derivePublicKey(a)}
AllowedIPs = 10.7.0.2/32, fd07::2/128`);
    configOf = (dns) => `[Interface]
PrivateKey = ${a}
Address = 10.7.0.2/24, fd07::2/64
${dns}
[Peer]
PublicKey = ${derivePublicKey(b)}
AllowedIPs = 10.7.0.0/24, fd07::/64
Endpoint = 127.0.0.1:${port}`;
    alice = await Tunnel.open(configOf(`DNS = ${V4}, corp.example`));
    // Both end with the tunnel.
    serveNames(bob).catch(() => {});
    serveEcho(bob).catch(() => {});
    // Before the handshake: who asks for a name need not wait for it.
    expect(await alice.resolve('web')).toHaveLength(1);
  });

  beforeEach(() => {
    asked.length = 0;
    isSilent = false;
  });

  afterAll(async () => {
    await Promise.all([alice?.close(), bob?.close()]);
  });

  async function serveNames(tunnel: Tunnel): Promise<void> {
    const { readable, writable } = await new tunnel.UDPSocket({ localAddress: '::', localPort: 53 }).opened;
    const writer = writable.getWriter();
    for await (const { data, remoteAddress, remotePort } of readable) {
      const end = data.indexOf(0, 12);
      let name = '';
      for (let at = 12; at < end; at += 1 + data[at]!)
        name += `${name && '.'}${String.fromCharCode(...data.subarray(at + 1, at + 1 + data[at]!))}`;
      const code = data[end + 2]!;
      const type = { 1: 'A', 28: 'AAAA', 16: 'TXT', 12: 'PTR', 15: 'MX' }[code]!;
      asked.push(`${name.toLowerCase()} ${type}`);
      if (isSilent) continue;
      const known = Object.keys(zone).some((key) => key.startsWith(`${name.toLowerCase()} `));
      const answer = zone[`${name.toLowerCase()} ${type}`] ?? { rcode: known ? 0 : 3 };
      const bytes = dnsMessage({ id: data[0]! * 256 + data[1]!, questions: [{ name, type }], ...answer });
      await writer.write({
        data: bytes as Uint8Array<ArrayBuffer>,
        remoteAddress: remoteAddress!,
        remotePort: remotePort!,
      });
    }
  }

  async function serveEcho(tunnel: Tunnel): Promise<void> {
    const udp = await new tunnel.UDPSocket({ localAddress: '::', localPort: 7 }).opened;
    void udp.readable.pipeTo(udp.writable).catch(() => {});
    const server = await new tunnel.TCPServerSocket('::', { localPort: 7 }).opened;
    for await (const socket of server.readable)
      void socket.opened.then(({ readable, writable }) => readable.pipeTo(writable)).catch(() => {});
  }

  it('are resolved to records of each type', async () => {
    expect(await alice.resolve('web')).toEqual([
      { type: 'A', name: 'web.corp.example', ttl: 300, address: V4 },
    ]);
    const [v6] = await alice.resolve('WEB.Corp.Example.', 'AAAA');
    expect(v6!.address).toBe(V6);
    const [text] = await alice.resolve('text.example', 'TXT');
    expect(text).toMatchObject({ strings: ['one', 'zwölf'], ttl: 300 });
    expect(text!.data[0]).toEqual(Uint8Array.of(111, 110, 101));
    expect(await alice.resolve(V4, 'PTR')).toMatchObject([{ target: 'web.corp.example' }]);
    const [mail] = await alice.resolve('mail.example', 'MX');
    expect(mail).toMatchObject({ preference: 5, exchange: 'mx.example' });
    expect(await alice.resolve('www')).toMatchObject([{ name: 'web.corp.example', address: V4 }]);
    expect(await alice.resolve('bücher.example')).toMatchObject([{ address: V4 }]);
    expect(await alice.resolve('localhost', 'AAAA')).toMatchObject([{ address: '::1' }]);
  });

  it('that lead nowhere reject with the reason', async () => {
    await expect(alice.resolve('gone.example')).rejects.toMatchObject({
      name: 'TunnelError',
      code: 'ERR_NAME_NOT_RESOLVED',
      message:
        '"gone.example" does not exist, says DNS server 10.7.0.1 (asked for: gone.example, gone.example.corp.example).',
      retryable: false,
      leg: 'inside',
    });
    await expect(alice.resolve('text.example', 'MX')).rejects.toThrow('"text.example" has no MX record');
    await expect(alice.resolve('web', 'NULL' as 'A')).rejects.toBeInstanceOf(TypeError);
    await expect(new alice.TCPSocket('gone.example', 7).opened).rejects.toMatchObject({
      name: 'NetworkError',
      cause: { code: 'ERR_NAME_NOT_RESOLVED' },
    });
  });

  it('open TCP connections, by IPv6 first', async () => {
    const { readable, writable, remoteAddress } = await new alice.TCPSocket('web', 7).opened;
    expect(remoteAddress).toBe(V6);
    expect(asked.every((question) => question.startsWith('web.corp.example '))).toBe(true);
    const writer = writable.getWriter();
    await writer.write(Uint8Array.of(1, 2, 3));
    await writer.close();
    expect(new Uint8Array(await new Response(readable).arrayBuffer())).toEqual(Uint8Array.of(1, 2, 3));
    const four = await new alice.TCPSocket('web', 7, { dnsQueryType: 'ipv4' }).opened;
    expect(four.remoteAddress).toBe(V4);
    four.writable.abort().catch(() => {});
    expect(() => new alice.TCPSocket('web', 7, { dnsQueryType: 'any' as 'ipv4' })).toThrow(TypeError);
    await expect(new alice.TCPSocket(V4, 7, { dnsQueryType: 'ipv6' }).opened).rejects.toMatchObject({
      cause: { code: 'ERR_NAME_NOT_RESOLVED', message: expect.stringContaining('is not an IPv6 address') },
    });
  });

  it('of which no address answers say which said what', async () => {
    await expect(new alice.TCPSocket('web', 9999).opened).rejects.toMatchObject({
      cause: {
        code: 'ERR_CONNECTION_REFUSED',
        message: `No connection to "web" port 9999: ${V6} refused it, ${V4} refused it.`,
      },
    });
    await expect(new alice.TCPSocket('far.example', 9999).opened).rejects.toMatchObject({
      cause: { code: 'ERR_NO_ROUTE' },
    });
    await expect(new alice.TCPSocket('dead.example', 7, { timeout: 100 }).opened).rejects.toMatchObject({
      cause: { code: 'ERR_TIMEOUT', message: 'No connection to dead.example port 7 within the given time.' },
    });
  });

  it('are where UDP goes, connected or message by message', async () => {
    const connected = await new alice.UDPSocket({ remoteAddress: 'web', remotePort: 7, dnsQueryType: 'ipv6' })
      .opened;
    expect(connected.remoteAddress).toBe(V6);
    await connected.writable.getWriter().write({ data: Uint8Array.of(1) });
    expect((await connected.readable.getReader().read()).value!.data).toEqual(Uint8Array.of(1));

    const bound = await new alice.UDPSocket({ localAddress: '0.0.0.0' }).opened;
    const writer = bound.writable.getWriter();
    const reader = bound.readable.getReader();
    await writer.write({ data: Uint8Array.of(2), remoteAddress: 'www', remotePort: 7 });
    expect((await reader.read()).value).toMatchObject({ data: Uint8Array.of(2), remoteAddress: V4 });
    await expect(
      writer.write({ data: Uint8Array.of(3), remoteAddress: 'gone.example', remotePort: 7 }),
    ).rejects.toMatchObject({ cause: { code: 'ERR_NAME_NOT_RESOLVED' } });
    await expect(
      new alice.UDPSocket({ remoteAddress: 'gone.example', remotePort: 7 }).opened,
    ).rejects.toMatchObject({ cause: { code: 'ERR_NAME_NOT_RESOLVED' } });
  });

  it('can be pinged', async () => {
    const replies: unknown[] = [];
    for await (const reply of alice.ping('web', { count: 2, interval: 10 })) replies.push(reply);
    expect(replies).toMatchObject([{ ok: true }, { ok: true }]);
    await expect(alice.ping('gone.example', { count: 1 }).next()).rejects.toMatchObject({
      code: 'ERR_NAME_NOT_RESOLVED',
    });
  });

  it('are waited for only as long as somebody wants to know', async () => {
    isSilent = true;
    const controller = new AbortController();
    const socket = new alice.TCPSocket('slow.example', 7, { signal: controller.signal });
    await expect.poll(() => asked.length).toBeGreaterThan(0);
    controller.abort(new Error('changed my mind'));
    await expect(socket.opened).rejects.toThrow('changed my mind');
  });

  it('are looked up anew, and elsewhere, when the configuration says so', async () => {
    await alice.resolve('web');
    const report = await alice.configure(configOf(`DNS = ${V6}`));
    expect(report.resets).toEqual([
      {
        change: 'dns',
        resets: 'nothing',
        count: 0,
        detail: `Names are looked up with ${V6} from now on, and nothing is kept of before.`,
      },
    ]);
    asked.length = 0;
    await alice.resolve('web.corp.example');
    expect(asked).toEqual(['web.corp.example A']);
    await expect(alice.resolve('web')).rejects.toThrow('"web" does not exist');

    await alice.configure(configOf(''));
    await expect(alice.resolve('web')).rejects.toThrow('names no DNS server');
    expect((await alice.configure(configOf(`DNS = ${V4}, corp.example`))).resets).toHaveLength(1);
    expect((await alice.configure(configOf(`DNS = ${V4}, corp.example`))).resets).toEqual([]);
    expect(await alice.resolve('web')).toHaveLength(1);
  });

  it('are given up when the tunnel is closed', async () => {
    isSilent = true;
    const waiting = [
      alice.resolve('slow.example'),
      new alice.TCPSocket('slow.example', 7).opened,
      new alice.UDPSocket({ remoteAddress: 'slow.example', remotePort: 7 }).opened,
      alice.ping('slow.example').next(),
    ].map((promise) =>
      promise.then(
        () => undefined,
        (error: unknown) => error,
      ),
    );
    await expect.poll(() => asked.length).toBeGreaterThan(0);
    await alice.close();
    const codes = (await Promise.all(waiting)).map((error) => {
      const { code, cause } = error as { code: unknown; cause?: { code: string } };
      return cause?.code ?? code;
    });
    expect(codes).toEqual(['ERR_CLOSED', 'ERR_CLOSED', 'ERR_CLOSED', 'ERR_CLOSED']);
  });
});
