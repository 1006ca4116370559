// npm run test:linux: our stack beside Linux's, one named check after the other; then tshark's opinion of every packet
// that we sent meanwhile; then thousands of raw packets for both, which must do the same (injector/). Ends with 1 if one
// fails. --keep FILE keeps the capture; --seeds N and --first N choose the packets that are made by chance.
//
// npm run test:linux -- --record [BEGINNING]: instead makes the traces anew that the unit phase replays (record/), all or
// those whose name begins so.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { run } from '../../support/child-process.ts';
import { startServices } from '../../support/inner-programs.ts';
import { obstacle, prepare } from '../../support/prerequisites.ts';
import { BenchNetwork } from '../bench-network.ts';
import { StackHost } from '../stack-host.ts';
import { ADDRESSES, CHECKS, FAR_MTU, type Setting } from './checks.ts';
import { compareWithLinux } from './injector/compare.ts';
import { OurPrograms } from './our-programs.ts';
import { record } from './record/record.ts';

const MTU = 1420;
const DELAY = { delay: 1 };
/** What nobody who speaks the protocols would send. */
const FAULTS = [
  '_ws.malformed',
  'ip.checksum.status == "Bad"',
  'tcp.checksum.status == "Bad"',
  'udp.checksum.status == "Bad"',
  'icmp.checksum.status == "Bad"',
  'icmpv6.checksum.status == "Bad"',
  'tcp.analysis.ack_lost_segment',
  'tcp.analysis.window_full && tcp.len > 65535',
  '_ws.expert.severity == "Error"',
];

/** Three seconds. */
const SEEDS = '1000';

const { values, positionals } = parseArgs({
  options: {
    keep: { type: 'string' },
    seeds: { type: 'string', default: SEEDS },
    first: { type: 'string', default: '1' },
    record: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
let passed = 0;
let failed = 0;
process.exitCode = await main();
process.exit();

async function main(): Promise<number> {
  await prepare('interop');
  const why = await obstacle('interop');
  if (why) {
    console.error(`test:linux: ${why}`);
    return 1;
  }
  if (values.record) {
    await record(positionals[0] ?? '', console.log);
    return 0;
  }
  const folder = mkdtempSync(join(tmpdir(), 'tabwire-linux-'));
  const capture = values.keep ?? join(folder, 'capture.pcap');
  try {
    await withSetting(capture, async (setting) => {
      for (const { name, run: check } of CHECKS) await report(name, () => check(setting));
    });
    await report('tshark finds no fault with any packet of ours', () => examine(capture));
    await report('raw packets, hostile and by chance, are answered alike', compare);
  } finally {
    rmSync(folder, { recursive: true });
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
}

async function report(name: string, check: () => Promise<void>): Promise<void> {
  try {
    await check();
    passed++;
    console.log(`pass  ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAIL  ${name}\n      ${(error as Error).message.trim().replaceAll('\n', '\n      ')}`);
  }
}

async function withSetting(capture: string, body: (setting: Setting) => Promise<void>): Promise<void> {
  const { ours, linux, router, far } = ADDRESSES;
  const both = (of: { 4: string; 6: string }): string[] => [`${of[4]}/24`, `${of[6]}/64`];
  const near = await BenchNetwork.up({
    a: [{ is: 'ours', addresses: both(ours) }],
    b: [{ is: 'linux', addresses: both(linux) }],
    ab: DELAY,
    ba: DELAY,
    seed: 1,
    mtu: MTU,
    capture,
  });
  const namespace = near.b[0]!.namespace!;
  const behind = await BenchNetwork.up({
    a: [{ is: 'linux', addresses: both(router), namespace, device: 'far', mtu: FAR_MTU }],
    b: [{ is: 'linux', addresses: both(far) }],
    ab: DELAY,
    ba: DELAY,
    seed: 1,
    mtu: MTU,
  });
  const third = behind.b[0]!.namespace!;
  let host: StackHost | undefined;
  try {
    await namespace.exec('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
    await third.exec('ip', 'route', 'add', 'default', 'via', router[4]);
    await third.exec('ip', '-6', 'route', 'add', 'default', 'via', router[6]);
    await startServices(namespace);
    await startServices(third);
    host = await StackHost.connect({ path: near.a[0]!.path!, addresses: both(ours), mtu: MTU, seed: 1 });
    await body({ ours: new OurPrograms(host), linux: namespace, far: third });
  } finally {
    host?.close();
    await behind.down();
    await near.down();
  }
}

async function compare(): Promise<void> {
  const { compared, alike, known, faults } = await compareWithLinux(
    Number(values.seeds),
    Number(values.first),
  );
  console.log(`      ${compared} compared: ${alike} alike, ${known} as known (injector/deviations.ts)`);
  if (faults.length > 0) throw new Error(faults.join('\n'));
}

async function examine(capture: string): Promise<void> {
  const settings = ['ip.check_checksum', 'tcp.check_checksum', 'udp.check_checksum'].flatMap((name) => [
    '-o',
    `${name}:TRUE`,
  ]);
  const from = `(ip.src == ${ADDRESSES.ours[4]} || ipv6.src == ${ADDRESSES.ours[6]})`;
  const looksAt = async (filter: string): Promise<string> =>
    run('tshark', ['-r', capture, ...settings, '-Y', `${from} && (${filter})`]);
  const good = (await looksAt('tcp.checksum.status == "Good"')).trim().split('\n').length;
  if (good < 1000) throw new Error(`only ${good} segments of ours have been looked at`);
  const found = await looksAt(FAULTS.join(' || '));
  if (found.trim() !== '') throw new Error(found);
}
