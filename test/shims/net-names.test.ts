// Connections by name: Node's own `net`, whose names a `lookup` knows, beside ours with such a lookup, and beside ours with a DNS
// server inside the tunnel.
import nodeNet from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Tunnel } from '../../src/client/tunnel.ts';
import * as ourNet from '../../src/shims/net.ts';
import type { Serve } from '../support/dns-lab.ts';
import { addressRecord } from '../support/dns-messages.ts';
import { EventLog } from '../support/event-log.ts';
import { LoneEngine } from '../support/lone-engine.ts';

type Net = typeof nodeNet;
type Addresses = readonly [string, string];

interface Place {
  net: Net;
  /** What `one` and `two` lead to, the first and both. */
  addresses: Addresses;
  /** What knows the names, if it is not the tunnel. */
  lookup?: nodeNet.LookupFunction;
}

const THEIRS: Addresses = ['127.0.0.2', '127.0.0.3'];
const OURS: Addresses = ['10.0.0.3', '10.0.0.4'];
const SILENT = '10.0.0.77';

let engine: LoneEngine;
let tick: ReturnType<typeof setInterval>;

beforeEach(() => {
  engine = new LoneEngine({
    addresses: ['10.0.0.2/24', ...OURS.map((address) => `${address}/24`), 'fd00::2/64'],
  });
  engine.serveNames(serve);
  tick = setInterval(() => engine.advance(20), 1);
  ourNet.setDefaultTunnel(engine.asTunnel() as unknown as Tunnel);
});

afterEach(() => {
  clearInterval(tick);
  ourNet.setDefaultTunnel(undefined);
  ourNet.setDefaultAutoSelectFamily(true);
  nodeNet.setDefaultAutoSelectFamily(true);
});

const known = (host: string, addresses: Addresses) =>
  ({ 'one.test': addresses.slice(0, 1), 'two.test': [...addresses] })[host];

const serve: Serve = ({ name, lower, type }) => {
  if (lower === 'mute.test') return undefined;
  const addresses = known(lower, OURS);
  if (!addresses) return { rcode: 3 };
  return { answers: type === 'A' ? addresses.map((address) => addressRecord(name, address)) : [] };
};

/** As dns.lookup answers, from a table; `asked` hears of each question. */
function tableOf(addresses: Addresses, asked: (...question: unknown[]) => void = () => {}) {
  return ((host, options, callback) => {
    const { family, hints, all } = options;
    asked(host, { family, hints, all });
    const found = known(host, addresses);
    const code = host === 'mute.test' ? 'EAI_AGAIN' : 'ENOTFOUND';
    const errno = code === 'ENOTFOUND' ? -3008 : -3001;
    const error = Object.assign(new Error(`getaddrinfo ${code} ${host}`), {
      ...{ errno, code, syscall: 'getaddrinfo', hostname: host },
    });
    process.nextTick(() => {
      if (!found) callback(error, '', 4);
      else if (all)
        callback(
          null,
          found.map((address) => ({ address, family: 4 })),
        );
      else callback(null, found[0]!, 4);
    });
  }) as nodeNet.LookupFunction;
}

const EVENTS = [
  'lookup',
  ...['connectionAttempt', 'connectionAttemptFailed', 'connectionAttemptTimeout'],
  ...['connect', 'ready', 'end', 'finish', 'error', 'timeout', 'close'],
];
type Script = (place: Place, log: EventLog) => Promise<void>;

function newLog(): EventLog {
  return new EventLog([
    [/\b(127\.0\.0\.2|10\.0\.0\.3)\b/g, 'FIRST'],
    [/\b(127\.0\.0\.3|10\.0\.0\.4)\b/g, 'SECOND'],
    [/:\d{4,5}\b|(?<="port":)\d{4,5}|(?<= )\d{4,5}(?= [46]\b)/g, 'PORT'],
  ]);
}

async function run(script: Script, place: Place): Promise<string[]> {
  const log = newLog();
  await script(place, log);
  return log.lines;
}

const ours = ourNet as unknown as Net;

/** What Node says; ours must say the same, whoever knows the names. */
async function compare(script: Script): Promise<string[]> {
  const theirs = await run(script, { net: nodeNet, addresses: THEIRS, lookup: tableOf(THEIRS) });
  expect(await run(script, { net: ours, addresses: OURS, lookup: tableOf(OURS) })).toEqual(theirs);
  expect(await run(script, { net: ours, addresses: OURS })).toEqual(theirs);
  return theirs;
}

function until(
  emitter: { once(event: string, listener: () => void): unknown },
  event: string,
): Promise<void> {
  return new Promise((resolve) => emitter.once(event, resolve));
}

async function listening({ net }: Place, host: string): Promise<[nodeNet.Server, number]> {
  const server = net.createServer((socket) => socket.on('error', () => {}).end());
  server.listen(0, host);
  await until(server, 'listening');
  return [server, (server.address() as nodeNet.AddressInfo).port];
}

/** Connects, tells what happens and waits for the end. */
async function visit(place: Place, log: EventLog, options: nodeNet.TcpNetConnectOpts): Promise<void> {
  const { net, lookup } = place;
  const socket = net.connect({ ...(lookup && { lookup }), ...options });
  log.watch('client', socket, EVENTS);
  socket.resume().on('connect', () => {
    log.note('to', socket.remoteAddress, socket.remoteFamily);
    socket.end();
  });
  await until(socket, 'close');
}

describe('a connection by name', () => {
  it('tells where it leads before it is there', async () => {
    const lines = await compare(async (place, log) => {
      const [server, port] = await listening(place, place.addresses[0]);
      await visit(place, log, { host: 'one.test', port });
      server.close();
      await until(server, 'close');
    });
    expect(lines.slice(0, 3)).toEqual([
      'client lookup null "FIRST" 4 "one.test"',
      'client connectionAttempt "FIRST" PORT 4',
      'client connect',
    ]);
  });

  it('tells of a name that does not exist, and of one about which nobody answers', async () => {
    const lines = await compare(async (place, log) => {
      for (const host of ['nobody.test', 'mute.test']) await visit(place, log, { host, port: 80 });
    });
    expect(lines).toHaveLength(6);
    for (const code of ['ENOTFOUND', 'EAI_AGAIN'])
      expect(lines.filter((line) => line.includes(`getaddrinfo ${code}`))).toHaveLength(2);
  });

  it('is refused by one address as itself, and by several as an AggregateError', async () => {
    const lines = await compare(async (place, log) => {
      for (const host of ['one.test', 'two.test']) await visit(place, log, { host, port: 9 });
      for (const host of ['one.test', 'two.test'])
        await visit(place, log, { host, port: 9, autoSelectFamily: false });
    });
    expect(lines.filter((line) => line.includes('"errors":[{'))).toHaveLength(1);
  });

  it('goes to the first address alone where no other may be tried', async () => {
    const lines = await compare(async (place, log) => {
      const [server, port] = await listening(place, place.addresses[1]);
      place.net.setDefaultAutoSelectFamily(false);
      await visit(place, log, { host: 'two.test', port });
      place.net.setDefaultAutoSelectFamily(true);
      server.close();
      await until(server, 'close');
    });
    expect(lines).toHaveLength(5);
    expect(lines[2]).toContain('ECONNREFUSED FIRST');
  });

  it('goes to the second address where the first refuses', async () => {
    const script: Script = async (place, log) => {
      const [server, port] = await listening(place, place.addresses[1]);
      await visit(place, log, { host: 'two.test', port });
      server.close();
      await until(server, 'close');
    };
    const theirs = await run(script, { net: nodeNet, addresses: THEIRS, lookup: tableOf(THEIRS) });
    expect(theirs).toContain('to "SECOND" "IPv4"');
    expect(await run(script, { net: ours, addresses: OURS, lookup: tableOf(OURS) })).toEqual(theirs);
    // The engine tries them, and tells of the one that won.
    const withoutFirst = theirs.filter(
      (line) => !/^client (lookup null|connectionAttempt).* "FIRST"/.test(line),
    );
    expect(await run(script, { net: ours, addresses: OURS })).toEqual(withoutFirst);
  });
});

describe('a lookup of one’s own', () => {
  /** In both places, with one lookup; `log` hears what it is asked. */
  async function both(script: (place: Place, log: EventLog) => Promise<void>): Promise<string[]> {
    const [theirs, mine] = await Promise.all(
      [
        { net: nodeNet, addresses: THEIRS },
        { net: ours, addresses: OURS },
      ].map((place) => run(script, place)),
    );
    expect(mine).toEqual(theirs);
    return mine!;
  }

  it('is asked as Node asks it, and not about addresses', async () => {
    const lines = await both(async (place, log) => {
      const lookup = tableOf(place.addresses, (...question) => log.note('asked', ...question));
      const common = { port: 9, lookup };
      await visit(place, log, { host: 'two.test', ...common });
      for (const family of [4, 6]) await visit(place, log, { host: 'two.test', family, ...common });
      await visit(place, log, { host: 'two.test', autoSelectFamily: false, ...common });
      await visit(place, log, { host: place.addresses[0], ...common });
    });
    expect(lines.filter((line) => line.startsWith('asked'))).toHaveLength(4);
  });

  it('may fail, or answer with what is no address', async () => {
    const answers: ((callback: (error: Error | null, answer: unknown, family?: number) => void) => void)[] = [
      (callback) => callback(Object.assign(new Error('mine'), { code: 'EMINE' }), ''),
      (callback) => callback(null, [{ address: 'no address', family: 4 }]),
    ];
    await both(async (place, log) => {
      for (const answer of answers) {
        const lookup = ((_host, _options, callback) =>
          process.nextTick(() => answer(callback as never))) as nodeNet.LookupFunction;
        await visit(place, log, { host: 'x.test', port: 9, lookup });
      }
    });
  });

  it('that finds nothing says so', async () => {
    const lookup = ((_host, _options, callback) =>
      process.nextTick(() => callback(null, []))) as nodeNet.LookupFunction;
    const log = newLog();
    await visit({ net: ours, addresses: OURS }, log, { host: 'x.test', port: 9, lookup });
    expect(log.lines[0]).toContain('getaddrinfo ENOTFOUND x.test');
  });

  it('may see the socket destroyed by whoever hears of it', async () => {
    await both(async (place, log) => {
      const socket = place.net.connect({ host: 'one.test', port: 9, lookup: tableOf(place.addresses) });
      log.watch('client', socket, EVENTS);
      socket.once('lookup', () => socket.destroy());
      await until(socket, 'close');
    });
  });

  it('gives the next address its turn when one is silent, after so many milliseconds', async () => {
    const place = { net: ours, addresses: OURS };
    const [server, port] = await listening(place, OURS[0]);
    const lookup = tableOf([SILENT, OURS[0]]);
    for (const patience of [undefined, 40]) {
      const began = engine.lone.now;
      const options = { host: 'two.test', port, lookup };
      const log = newLog();
      await visit(
        place,
        log,
        patience === undefined ? options : { ...options, autoSelectFamilyAttemptTimeout: patience },
      );
      expect(log.lines).toContain('to "FIRST" "IPv4"');
      expect(log.lines).toContain(`client connectionAttemptTimeout "${SILENT}" PORT 4`);
      expect(engine.lone.now - began).toBeGreaterThanOrEqual(patience ?? 250);
      expect(engine.lone.now - began).toBeLessThan((patience ?? 250) + 200);
    }
    server.close();
  });
});

it('refuses options of it that are none, as Node does', () => {
  for (const wrong of [
    { autoSelectFamily: 'yes' },
    { autoSelectFamilyAttemptTimeout: 0 },
    { autoSelectFamilyAttemptTimeout: 1.5 },
    { autoSelectFamilyAttemptTimeout: '9' },
  ]) {
    const [theirs, mine] = [nodeNet, ours].map((net) => {
      const log = newLog();
      try {
        net.connect({ host: '127.0.0.1', port: 9, ...wrong } as nodeNet.NetConnectOpts);
      } catch (error) {
        log.note('mistake', error);
      }
      for (const set of [net.setDefaultAutoSelectFamily, net.setDefaultAutoSelectFamilyAttemptTimeout] as ((
        value: unknown,
      ) => void)[])
        try {
          set(Object.values(wrong)[0]);
        } catch (error) {
          log.note('mistake', error);
        }
      return log.lines;
    });
    expect(mine).toEqual(theirs);
    expect(mine!.length).toBeGreaterThan(1);
  }
  expect(ours.getDefaultAutoSelectFamilyAttemptTimeout()).toBe(
    nodeNet.getDefaultAutoSelectFamilyAttemptTimeout(),
  );
});

describe('our end of a connection', () => {
  const script: Script = async (place, log) => {
    const { net, addresses } = place;
    const [first, second] = addresses;
    const [server, port] = await listening(place, first);
    for (const localAddress of [second, '0.0.0.0', '192.0.2.99', '::1']) {
      const socket = net.connect({ host: first, port, localAddress });
      log.watch('client', socket, EVENTS);
      socket.resume().on('connect', () => log.note('from', socket.localAddress === localAddress));
      await until(socket, 'close');
    }
    await visit(place, log, { host: 'two.test', port, localAddress: second });
    for (const wrong of [{ localAddress: 'no address' }, { localAddress: 1 }, { localPort: '5000' }])
      try {
        net.connect({ host: first, port, ...wrong } as nodeNet.NetConnectOpts);
      } catch (error) {
        log.note('mistake', error);
      }
    server.close();
    await until(server, 'close');
  };

  it('is one of our addresses, or as bind has it', async () => {
    const lines = await compare(script);
    for (const code of ['EADDRNOTAVAIL', 'EINVAL'])
      expect(lines.filter((line) => line.includes(`bind ${code}`))).toHaveLength(1);
  });

  it('has the port that was chosen, and once to one place', async () => {
    await compare(async ({ net, addresses: [first, second] }, log) => {
      const server = net.createServer((socket) => socket.on('error', () => {}));
      server.listen(0, first);
      await until(server, 'listening');
      const { port } = server.address() as nodeNet.AddressInfo;
      const spare = net.createServer().listen(0, second);
      await until(spare, 'listening');
      const localPort = (spare.address() as nodeNet.AddressInfo).port;
      spare.close();
      await until(spare, 'close');
      const ends = { host: first, port, localAddress: second, localPort };
      const socket = net.connect(ends);
      await until(socket, 'connect');
      log.note('from', socket.localAddress, socket.localPort === localPort);
      const again = net.connect(ends);
      log.watch('again', again, EVENTS);
      await until(again, 'close');
      socket.destroy();
      server.close();
    });
  });
});
