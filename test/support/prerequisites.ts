// What the tests need beyond npm. On Debian as root it installs itself; elsewhere the reader is told what is missing.
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Child, run } from './child-process.ts';
import { chromiumExecutable } from './chromium.ts';
import { firefoxExecutable } from './firefox.ts';
import { postgresFolder } from './postgres.ts';

export type Suite = 'browser' | 'interop' | 'bench' | 'deploy';

interface Prerequisite {
  what: string;
  /** Debian's package. */
  package: string;
  present(): boolean;
}

// An unprivileged PATH lacks the folders where ip, nginx and sysctl live.
process.env.PATH = `${process.env.PATH ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`;

const needs: Record<Suite, Prerequisite[]> = {
  browser: [{ what: 'Chromium', package: 'chromium', present: () => chromiumExecutable() !== undefined }],
  interop: [
    program('wireguard-go', 'wireguard-go'),
    program('wg', 'wireguard-tools'),
    program('nginx', 'nginx-light'),
    program('haproxy', 'haproxy'),
    program('caddy', 'caddy'),
    program('systemd-analyze', 'systemd'),
    program('ip', 'iproute2'),
    program('ss', 'iproute2'),
    program('ping', 'iputils-ping'),
    program('tracepath', 'iputils-tracepath'),
    program('tshark', 'tshark'),
    program('curl', 'curl'),
    program('ps', 'procps'),
    program('setpriv', 'util-linux'),
    program('iperf3', 'iperf3'),
    program('sshd', 'openssh-server'),
    program('ssh', 'openssh-client'),
    program('sftp', 'openssh-client'),
    program('nc.openbsd', 'netcat-openbsd'),
    program('redis-server', 'redis-server'),
    program('redis-cli', 'redis-tools'),
    program('mosquitto', 'mosquitto'),
    { what: 'Firefox', package: 'firefox-esr', present: () => firefoxExecutable() !== undefined },
    { what: 'PostgreSQL', package: 'postgresql', present: () => postgresFolder() !== undefined },
    program('openssl', 'openssl'),
    program('dnsmasq', 'dnsmasq-base'),
    program('dig', 'bind9-dnsutils'),
    // The bench network (test/netsim) is compiled where it runs.
    program('gcc', 'gcc'),
    header('linux/if_tun.h', 'linux-libc-dev'),
    header('stdio.h', 'libc6-dev'),
  ],
  bench: [],
  deploy: [
    program('buildah', 'buildah'),
    program('unshare', 'util-linux'),
    program('promtool', 'prometheus'),
  ],
};
needs.interop.unshift(...needs.browser);
needs.bench.unshift(...needs.interop);

/** True where a missing prerequisite is a failure and not a reason to skip. */
export const strict = process.env.CI === 'true';

/** Installs what `suite` lacks where that is possible, and says what cannot run and why. Never throws. */
export async function prepare(suite: Suite): Promise<void> {
  if (suite === 'interop') await makeTunDevice();
  const packages = packagesOf(absent(suite));
  if (packages.length > 0 && isRoot() && isDebian()) await install(packages);
  const why = await obstacle(suite);
  if (why) console.log(`${strict ? 'Will fail' : 'Skipped'}: ${suite} tests, because ${why}`);
}

async function install(packages: string[]): Promise<void> {
  console.log(`Installing what the tests need: apt-get install ${packages.join(' ')}`);
  // tshark asks whether users may capture, and Debian starts nginx at once: neither is wanted here.
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  for (const args of [['update'], ['install', '--yes', '--no-install-recommends', ...packages]]) {
    const apt = new Child('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=300', ...args], { env });
    if ((await apt.exited) !== 0) {
      console.log(apt.output);
      return;
    }
  }
}

/** Why `suite` cannot run here, and what to do about it; undefined when it can. */
export async function obstacle(suite: Suite): Promise<string | undefined> {
  const lacking = absent(suite);
  if (lacking.length > 0) {
    const missing = lacking.map((need) => need.what).join(', ');
    return `${missing} not found: install ${packagesOf(lacking).join(' ')} (Debian's names)`;
  }
  if (suite === 'browser') return undefined;
  if (!isRoot()) return 'namespaces need root: run as root';
  if (suite === 'deploy') return undefined;
  if (!existsSync('/dev/net/tun'))
    return '/dev/net/tun is missing: load the tun module or pass the device in';
  return namespaceObstacle();
}

function absent(suite: Suite): Prerequisite[] {
  return needs[suite].filter((need) => !need.present());
}

function packagesOf(list: Prerequisite[]): string[] {
  return [...new Set(list.map((need) => need.package))];
}

function program(name: string, from: string): Prerequisite {
  return { what: name, package: from, present: () => isInPath(name) };
}

function header(name: string, from: string): Prerequisite {
  return { what: name, package: from, present: () => existsSync(join('/usr/include', name)) };
}

function isInPath(name: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function isDebian(): boolean {
  return (
    existsSync('/etc/debian_version') && /^ID(_LIKE)?=.*debian/m.test(readFileSync('/etc/os-release', 'utf8'))
  );
}

/** Containers often let root make the device although they did not. */
async function makeTunDevice(): Promise<void> {
  if (!isRoot() || existsSync('/dev/net/tun') || process.platform !== 'linux') return;
  await run('sh', ['-c', 'mkdir -p /dev/net && mknod -m 600 /dev/net/tun c 10 200']).catch(() => {});
}

async function namespaceObstacle(): Promise<string | undefined> {
  const name = `tw${process.pid.toString(36)}probe`;
  try {
    await run('ip', ['netns', 'add', name]);
    await run('ip', ['netns', 'exec', name, 'true']);
    return undefined;
  } catch (error) {
    return `network namespaces do not work here: ${(error as Error).message.trim().split('\n').pop()}`;
  } finally {
    await run('ip', ['netns', 'del', name]).catch(() => {});
  }
}
