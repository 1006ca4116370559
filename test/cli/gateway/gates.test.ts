// The gates of a gateway between packets that a test makes up and real sockets of loopback.
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Duplex, PassThrough } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { EchoGate, pingCommand } from '../../../src/cli/gateway/echo-gate.ts';
import { Gateway } from '../../../src/cli/gateway/gateway.ts';
import { GatewayRules, readRule } from '../../../src/cli/gateway/rules.ts';
import { TcpGate } from '../../../src/cli/gateway/tcp-gate.ts';
import { UdpGate } from '../../../src/cli/gateway/udp-gate.ts';
import { IpAddress } from '../../../src/core/address.ts';
import type { ForeignKind, ForeignPacket, ForeignVerdict } from '../../../src/node/gateway-tunnel.ts';
import { freeTcpPort, freeUdpPort } from '../../support/free-port.ts';

const at = (text: string, port: number) => ({ address: IpAddress.parse(text)!, port });
const undo: (() => void)[] = [];
afterEach(() => {
  for (const step of undo.splice(0)) step();
});

/** A packet from 10.0.0.1 to loopback; what is said of it later is in `answers`. */
function packet(kind: ForeignKind, from: number, to: number, text = '', host = '10.0.0.1') {
  const answers: ForeignVerdict[] = [];
  const made: ForeignPacket = {
    kind,
    from: at(host, from),
    to: at('127.0.0.1', to),
    data: Buffer.from(text),
    hold: () => (verdict) => void answers.push(verdict),
  };
  return { packet: made, answers };
}

async function tcpServer(serve: (socket: Socket) => void = () => {}): Promise<{ port: number }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    undo.push(() => socket.destroy());
    serve(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  undo.push(() => server.close());
  return { port: (server.address() as AddressInfo).port };
}

async function udpServer(): Promise<{ socket: UdpSocket; port: number }> {
  const socket = createSocket('udp4');
  socket.on('message', (data, { port }) => socket.send(`${data} from ${port}`, port, '127.0.0.1'));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  undo.push(() => socket.close());
  return { socket, port: socket.address().port };
}

/** The inner side of a connection: what the peer writes goes in at `peerWrites`, what it reads comes out at `peerReads`. */
function innerStream() {
  const [peerWrites, peerReads] = [new PassThrough(), new PassThrough()];
  return { peerWrites, peerReads, stream: Duplex.from({ readable: peerWrites, writable: peerReads }) };
}

/** Whether well or not. */
function ended(stream: Duplex): Promise<unknown> {
  stream.on('error', () => {});
  return new Promise((resolve) => stream.once('close', resolve));
}

describe('TCP', () => {
  const gateOf = (...args: ConstructorParameters<typeof TcpGate>) => {
    const gate = new TcpGate(...args);
    undo.push(() => gate.close());
    return gate;
  };

  it('a SYN waits for the connection, comes again meanwhile, and is delivered then', async () => {
    const { port } = await tcpServer((socket) => socket.pipe(socket));
    const gate = gateOf();
    const { packet: syn, answers } = packet('syn', 1000, port);
    expect([gate.judge(syn), gate.judge(syn)]).toEqual(['taken', 'taken']);
    expect(gate.size).toBe(1);
    await expect.poll(() => answers).toEqual(['deliver']);
    // Its SYN|ACK was lost.
    expect(gate.judge(syn)).toBe('deliver');
    const { stream, peerWrites, peerReads } = innerStream();
    gate.accepted({ from: syn.from, to: syn.to, stream });
    peerWrites.end('there and back');
    expect(String(Buffer.concat(await peerReads.toArray()))).toBe('there and back');
    await expect.poll(() => gate.size).toBe(0);
  });

  it('a closed port is refused, and where there is no way it is unreachable', async () => {
    const gate = gateOf();
    const refused = packet('syn', 1000, await freeTcpPort());
    gate.judge(refused.packet);
    await expect.poll(() => refused.answers).toEqual(['refuse']);
    const astray = packet('syn', 1001, 9);
    gate.judge({ ...astray.packet, to: at('255.255.255.255', 9) });
    await expect.poll(() => astray.answers).toEqual(['unreachable']);
    expect(gate.size).toBe(0);
  });

  it('a connection that its peer never takes is given up', async () => {
    const closed = vi.fn();
    const { port } = await tcpServer((socket) => void socket.once('close', closed));
    const gate = gateOf(undefined, 50);
    gate.judge(packet('syn', 1000, port).packet);
    await expect.poll(() => closed.mock.calls.length).toBe(1);
    expect(gate.size).toBe(0);
  });

  it('what nobody waits for is reset', async () => {
    const gate = gateOf();
    const { stream } = innerStream();
    const gone = ended(stream);
    gate.accepted({ from: at('10.0.0.1', 5), to: at('127.0.0.1', 6), stream });
    await gone;
    expect(stream.readableEnded).toBe(false);
  });

  it('a reset out here breaks the stream inside, and the other way round', async () => {
    const accepted: Socket[] = [];
    const { port } = await tcpServer((socket) => accepted.push(socket));
    const gate = gateOf();
    for (const isOuter of [true, false]) {
      const { packet: syn, answers } = packet('syn', isOuter ? 1 : 2, port);
      gate.judge(syn);
      await expect.poll(() => answers).toEqual(['deliver']);
      const { stream } = innerStream();
      gate.accepted({ from: syn.from, to: syn.to, stream });
      await expect.poll(() => accepted.length).toBe(1);
      const outer = accepted.pop()!;
      const failed = vi.fn();
      outer.once('error', failed);
      const gone = ended(isOuter ? stream : outer);
      if (isOuter) outer.resetAndDestroy();
      else stream.destroy();
      await gone;
      if (!isOuter) expect(failed.mock.calls[0]![0]).toMatchObject({ code: 'ECONNRESET' });
    }
  });

  it('has so many places and no more, for one peer and in all', async () => {
    const { port } = await tcpServer();
    const gate = gateOf({ all: 3, each: 2 });
    for (let n = 1; n <= 5; n++) gate.judge(packet('syn', n, port).packet);
    expect(gate.size).toBe(2);
    for (let n = 1; n <= 5; n++) gate.judge(packet('syn', n, port, '', '10.0.0.2').packet);
    expect(gate.size).toBe(3);
    gate.close();
    await expect.poll(() => gate.size).toBe(0);
    gate.judge(packet('syn', 9, port).packet);
    expect(gate.size).toBe(1);
  });
});

describe('UDP', () => {
  function gateOf(limits?: { all: number; each: number }) {
    const came: string[] = [];
    const clock = { now: 0 };
    const gate = new UdpGate(
      (from, to, data) => void came.push(`${from.port} ${to.port} ${data}`),
      limits,
      () => clock.now,
    );
    undo.push(() => gate.close());
    return { gate, came, clock };
  }

  it('each pair of ends has a flow, and what comes back goes back', async () => {
    const { port } = await udpServer();
    const { gate, came } = gateOf();
    for (const [from, text] of [
      [1, 'a'],
      [2, 'b'],
      [1, 'c'],
    ] as const) {
      const { packet: datagram } = packet('datagram', from, port, text);
      if (!gate.forwards(datagram)) expect(gate.judge(datagram)).toBe('taken');
    }
    expect(gate.size).toBe(2);
    await expect.poll(() => came.length).toBe(3);
    const ports = new Set(came.map((line) => line.split(' from ')[1]));
    expect(ports.size).toBe(2);
    expect(came.map((line) => line.split(' from ')[0]).sort()).toEqual([
      `${port} 1 a`,
      `${port} 1 c`,
      `${port} 2 b`,
    ]);
  });

  it('a port that is closed is told of the datagram that found it so', async () => {
    const { gate } = gateOf();
    const { packet: datagram, answers } = packet('datagram', 1, await freeUdpPort(), 'x');
    gate.judge(datagram);
    await expect.poll(() => answers).toEqual(['refuse']);
    expect(gate.size).toBe(0);
  });

  it('a flow ends when nothing has passed for two minutes', async () => {
    const { port } = await udpServer();
    const { gate, clock } = gateOf();
    gate.judge(packet('datagram', 1, port, 'a').packet);
    clock.now = 60_000;
    gate.judge(packet('datagram', 2, port, 'b').packet);
    clock.now = 119_999;
    gate.sweep();
    expect(gate.size).toBe(2);
    gate.forwards(packet('datagram', 1, port, 'c').packet);
    clock.now = 200_000;
    gate.sweep();
    expect(gate.size).toBe(1);
    expect(gate.forwards(packet('datagram', 2, port, 'd').packet)).toBe(false);
  });

  it('a peer that has all its places loses the flow that it used least of late, and takes none from others', async () => {
    const { port } = await udpServer();
    const { gate } = gateOf({ all: 3, each: 2 });
    for (const from of [1, 2]) gate.judge(packet('datagram', from, port, 'a').packet);
    gate.forwards(packet('datagram', 1, port, 'b').packet);
    gate.judge(packet('datagram', 3, port, 'c').packet);
    expect(gate.size).toBe(2);
    expect(gate.forwards(packet('datagram', 2, port, 'd').packet)).toBe(false);
    gate.judge(packet('datagram', 1, port, 'a', '10.0.0.2').packet);
    gate.judge(packet('datagram', 1, port, 'a', '10.0.0.3').packet);
    expect(gate.size).toBe(3);
    expect(gate.forwards(packet('datagram', 1, port, 'a', '10.0.0.3').packet)).toBe(false);
  });

  it('before its socket is there, sixteen datagrams wait', async () => {
    const { port } = await udpServer();
    const { gate, came } = gateOf();
    gate.judge(packet('datagram', 1, port, '0').packet);
    for (let n = 1; n < 40; n++) gate.forwards(packet('datagram', 1, port, String(n)).packet);
    await expect.poll(() => came.length).toBe(16);
  });
});

describe('ping', () => {
  const program = (script: string) => () => ({ program: process.execPath, args: ['-e', script] });

  it('an answer, silence and no way are told apart by how the program ends', async () => {
    for (const [code, verdict] of [
      [0, 'deliver'],
      [1, 'taken'],
      [2, 'unreachable'],
    ] as const) {
      const gate = new EchoGate(() => {}, undefined, program(`process.exit(${code})`));
      const { packet: request, answers } = packet('echo', 1, 1, 'x');
      expect(gate.judge(request)).toBe('taken');
      await expect.poll(() => answers).toEqual([verdict]);
      expect(gate.size).toBe(0);
    }
  });

  it('runs so many programs and no more, and ends them with itself', async () => {
    const gate = new EchoGate(() => {}, { all: 3, each: 2 }, program('setTimeout(() => {}, 60_000)'));
    for (let n = 0; n < 5; n++) gate.judge(packet('echo', 1, n).packet);
    expect(gate.size).toBe(2);
    for (let n = 0; n < 5; n++) gate.judge(packet('echo', 1, n, '', '10.0.0.2').packet);
    expect(gate.size).toBe(3);
    gate.close();
    await expect.poll(() => gate.size).toBe(0);
  });

  it('says that there is no such program', async () => {
    const missing = vi.fn();
    const gate = new EchoGate(missing, undefined, () => ({ program: '/nowhere/ping', args: [] }));
    const { packet: request, answers } = packet('echo', 1, 1);
    gate.judge(request);
    await expect.poll(() => answers).toEqual(['taken']);
    expect(missing).toHaveBeenCalledOnce();
  });

  it('is asked as each system wants it', () => {
    expect(pingCommand('10.0.0.1', 56, 'linux').args.join(' ')).toBe('-4 -n -c 1 -s 56 -W 4 10.0.0.1');
    expect(pingCommand('fd00::1', 56, 'linux').args.join(' ')).toBe('-6 -n -c 1 -s 56 -W 4 fd00::1');
    expect(pingCommand('10.0.0.1', 8, 'darwin').args.join(' ')).toBe('-n -c 1 -s 8 -W 4000 10.0.0.1');
    expect(pingCommand('fd00::1', 8, 'darwin').program).toBe('ping6');
    expect(pingCommand('10.0.0.1', 8, 'win32').args.join(' ')).toBe('-4 -n 1 -w 4000 -l 8 10.0.0.1');
  });
});

describe('all of it', () => {
  it('what no rule covers is prohibited, and said once', async () => {
    const { port } = await udpServer();
    const said: string[] = [];
    const gateway = new Gateway({
      rules: new GatewayRules([readRule(`127.0.0.1:${port}/udp`)]),
      send: () => {},
      say: (sentence) => void said.push(sentence),
    });
    undo.push(() => gateway.close());
    expect(gateway.judge(packet('datagram', 1, port, 'x').packet)).toBe('taken');
    for (const kind of ['syn', 'echo', 'syn'] as const)
      expect(gateway.judge(packet(kind, 1, port).packet)).toBe('prohibit');
    expect(said).toEqual([
      `tcp to 127.0.0.1:${port} is not allowed; 10.0.0.1 wanted it`,
      'ping to 127.0.0.1 is not allowed; 10.0.0.1 wanted it',
    ]);
  });

  it('of a thousand denied places, a hundred are spoken of', () => {
    const said: string[] = [];
    const gateway = new Gateway({
      rules: new GatewayRules([]),
      send: () => {},
      say: (line) => void said.push(line),
    });
    undo.push(() => gateway.close());
    for (let port = 1; port <= 1000; port++) gateway.judge(packet('syn', 1, port).packet);
    expect(said).toHaveLength(100);
  });
});
