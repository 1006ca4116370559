// npm run soak -- --minutes 30
//
// The page as users get it, in a Chromium of its own, through the real relay to a real wireguard-go: numbered UDP
// packets there and back every 50 ms and TCP transfers, over as many rekeys as there are in that time. Not one packet
// may be lost, doubled or altered, and memory may not grow. A line a minute, and a verdict.
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { build } from 'vite';
import { run, until } from '../support/child-process.ts';
import { Lab } from '../support/lab.ts';
import { obstacle } from '../support/prerequisites.ts';
import { INNER } from '../support/real-peer.ts';
import { SoakBrowser } from './browser.ts';
import type { SoakOptions, SoakReport } from './page/soak.ts';
import { droppedDatagrams, residentBytes } from './proc.ts';
import { judge, lineOf, type Sample } from './verdict.ts';

const MINUTE = 60_000;
const root = join(import.meta.dirname, '../..');

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '30' } } });
const minutes = Number(values.minutes);
if (!(minutes >= 1)) {
  console.error('usage: npm run soak -- [--minutes 30]');
  process.exit(2);
}
const why = await obstacle('interop');
if (why === undefined) {
  await soak();
} else {
  console.error(`soak: not run, because ${why}`);
  process.exitCode = 1;
}

async function soak(): Promise<void> {
  await run('npm', ['run', '--silent', 'build:wasm'], { cwd: root });
  await build({ configFile: join(import.meta.dirname, 'page/vite.config.ts'), logLevel: 'warn' });
  const lab = await Lab.up({ site: 'soak', services: true, files: [2 * 1024 * 1024] });
  try {
    const browser = await SoakBrowser.open(`${lab.site.origin}/`);
    try {
      await watch(lab, browser);
    } finally {
      await browser.close();
    }
  } finally {
    await lab.down();
  }
}

async function watch(lab: Lab, browser: SoakBrowser): Promise<void> {
  const options: SoakOptions = {
    config: lab.config,
    relay: lab.relay.url,
    host: INNER.peer4,
    file: lab.nginx!.files[0]!,
  };
  await until('the page', () => browser.evaluate<boolean>('!!window.soak').catch(() => false), 20_000);
  await browser.evaluate(`window.soak.start(${JSON.stringify(options)})`);
  const began = Date.now();
  const samples: Sample[] = [];
  /** When the peer says that the latest handshake was, each time it says something new. */
  const theirHandshakes = new Set<number>();
  for (let minute = 1; minute <= minutes; minute++) {
    await delay(began + minute * MINUTE - Date.now());
    const isLast = minute + 1 > minutes;
    const heaps = await browser.heaps();
    const memory = { ...heaps, ...browser.memory(), relay: residentBytes(lab.relay.pid) };
    const report = await browser.evaluate<SoakReport>(`window.soak.${isLast ? 'stop' : 'report'}()`);
    const { latestHandshake } = await lab.peer.show();
    if (latestHandshake !== undefined) theirHandshakes.add(latestHandshake);
    const kernel = await kernelOf(lab);
    samples.push({ minute, report, theirHandshakes: theirHandshakes.size, kernel, memory });
    console.log(lineOf(samples.at(-1)!));
  }
  const { sentence, isGood } = judge(samples, minutes);
  console.log(sentence);
  if (!isGood) process.exitCode = 1;
}

/** What kernels lost beside us, and what the peer's TCP sent again: where to look when an echo is missing. */
async function kernelOf({ peer, relay }: Lab): Promise<Sample['kernel']> {
  const inside = await peer.exec('cat', '/proc/net/snmp');
  const [device] = JSON.parse(await peer.exec('ip', '-j', '-s', 'link', 'show', peer.namespace.name)) as [
    { stats64: { tx: { dropped: number }; rx: { dropped: number } } },
  ];
  return {
    retransmitted: counterOf(inside, 'Tcp', 'RetransSegs'),
    tunDropped: device.stats64.tx.dropped + device.stats64.rx.dropped,
    innerUdpDropped: counterOf(inside, 'Udp', 'InErrors') + counterOf(inside, 'Udp', 'SndbufErrors'),
    outerUdpDropped: droppedDatagrams(relay.pid, peer.port),
  };
}

/** The fields of /proc/net/snmp have their names in a line before them. */
function counterOf(snmp: string, protocol: string, name: string): number {
  const [names, numbers] = snmp
    .split('\n')
    .filter((text) => text.startsWith(`${protocol}:`))
    .map((text) => text.split(' '));
  return Number(numbers![names!.indexOf(name)]);
}
