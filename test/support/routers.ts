// A network behind a peer: peer ─ near ─ far ─ host, each in a namespace of its own. Between near and far the link is
// narrow, and far refuses some destinations.
import { run } from './child-process.ts';
import { Namespace, uniqueName } from './namespace.ts';
import { INNER, type RealPeer } from './real-peer.ts';

/** What the narrow link takes, in bytes of whole packet. */
export const NARROW_MTU = 1300;

export const BEHIND = {
  /** For AllowedIPs. */
  prefixes: '10.99.0.0/16, fd99::/32',
  near4: '10.99.1.2',
  near6: 'fd99:0:1::2',
  far4: '10.99.2.2',
  far6: 'fd99:0:2::2',
  host4: '10.99.3.2',
  host6: 'fd99:0:3::2',
  /** Nobody answers. */
  silent4: '10.99.4.1',
  silent6: 'fd99:0:4::1',
  /** The far router says that it is forbidden. */
  forbidden4: '10.99.4.2',
  forbidden6: 'fd99:0:4::2',
} as const;

export class Routers {
  readonly near: Namespace;
  readonly far: Namespace;
  readonly host: Namespace;

  private constructor(near: Namespace, far: Namespace, host: Namespace) {
    this.near = near;
    this.far = far;
    this.host = host;
  }

  static async behind(peer: RealPeer): Promise<Routers> {
    const routers = new Routers(
      await Namespace.create(uniqueName()),
      await Namespace.create(uniqueName()),
      await Namespace.create(uniqueName()),
    );
    try {
      await routers.#connect(peer);
    } catch (error) {
      await routers.down();
      throw error;
    }
    return routers;
  }

  async #connect(peer: RealPeer): Promise<void> {
    const { near, far, host } = this;
    await link(1, peer.namespace, near, 1500);
    await link(2, near, far, NARROW_MTU);
    await link(3, far, host, 1500);
    for (const router of [near, far])
      await router.exec('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
    await peer.forward();
    // Linux sends six errors to one host and then one a second, which is too few for four traces in a row.
    for (const namespace of [peer.namespace, near, far, host])
      await namespace.exec('sysctl', '-qw', 'net.ipv4.icmp_ratelimit=0', 'net.ipv6.icmp.ratelimit=0');
    await route(peer.namespace, '10.99.0.0/16', BEHIND.near4, 'fd99::/32', BEHIND.near6);
    await route(near, `${INNER.our4}/32`, '10.99.1.1', `${INNER.our6}/128`, 'fd99:0:1::1');
    await route(near, '10.99.0.0/16', BEHIND.far4, 'fd99::/32', BEHIND.far6);
    await route(far, `${INNER.our4}/32`, '10.99.2.1', `${INNER.our6}/128`, 'fd99:0:2::1');
    await route(host, 'default', '10.99.3.1', 'default', 'fd99:0:3::1');
    for (const [kind, ipv4, ipv6] of [
      ['blackhole', BEHIND.silent4, BEHIND.silent6],
      ['prohibit', BEHIND.forbidden4, BEHIND.forbidden6],
    ] as const) {
      await far.exec('ip', 'route', 'add', kind, ipv4);
      await far.exec('ip', '-6', 'route', 'add', kind, ipv6);
    }
  }

  async down(): Promise<void> {
    for (const namespace of [this.host, this.far, this.near]) await namespace.delete();
  }
}

/** Network 10.99.n.0/24 and fd99:0:n::/64: `a` has its first address, `b` the second. */
async function link(n: number, a: Namespace, b: Namespace, mtu: number): Promise<void> {
  const [left, right] = [`to${n}`, `from${n}`];
  const peer = ['type', 'veth', 'peer', 'name', right, 'netns', b.name];
  await run('ip', ['link', 'add', left, 'netns', a.name, ...peer]);
  for (const [namespace, device, last] of [
    [a, left, 1],
    [b, right, 2],
  ] as const) {
    await namespace.exec('ip', 'addr', 'add', `10.99.${n}.${last}/24`, 'dev', device);
    await namespace.exec('ip', '-6', 'addr', 'add', `fd99:0:${n}::${last}/64`, 'dev', device, 'nodad');
    await namespace.exec('ip', 'link', 'set', device, 'mtu', String(mtu), 'up');
  }
}

async function route(
  namespace: Namespace,
  prefix4: string,
  via4: string,
  prefix6: string,
  via6: string,
): Promise<void> {
  await namespace.exec('ip', 'route', 'add', prefix4, 'via', via4);
  await namespace.exec('ip', '-6', 'route', 'add', prefix6, 'via', via6);
}
