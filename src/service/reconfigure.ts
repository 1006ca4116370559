// From one configuration to another while the tunnel runs, as `wg syncconf` does it: peers that are not listed go, new
// ones come, and what is the same is not touched. First everything that can fail, then everything else in one turn.
import type { ConfigureReport, ConfigureReset, EnginePeer } from '../bridge/api.ts';
import { toBase64 } from '../core/bytes.ts';
import type { StaticIdentity } from '../core/crypto/identity.ts';
import { type Endpoint, printEndpoint } from '../core/endpoint.ts';
import { TunnelError } from '../core/errors.ts';
import type { Instant } from '../core/time.ts';
import type { DatagramTransport } from '../core/transport.ts';
import type { TunnelCore } from '../core/tunnel.ts';
import type { Peer } from '../core/wireguard/device.ts';
import { peerConfigOf, prefixesOf, resolverConfigOf, type Settings } from './settings.ts';

export interface NewKey {
  /** Taken over. */
  readonly identity: StaticIdentity;
  /** Of an earlier device with this key. */
  readonly lastTimestamp: Uint8Array | undefined;
}

/** One change of a running tunnel, from `before` to `after`. */
export class Reconfiguration {
  readonly #core: TunnelCore;
  readonly #transport: DatagramTransport;
  readonly #before: Settings;
  readonly #after: Settings;
  /** Peers with another endpoint in their configuration. */
  readonly #moved = new Set<Peer>();
  readonly #report: ConfigureReport = { peers: { added: [], removed: [], changed: [] }, resets: [] };

  constructor(
    { core, transport }: { core: TunnelCore; transport: DatagramTransport },
    before: Settings,
    after: Settings,
  ) {
    this.#core = core;
    this.#transport = transport;
    this.#before = before;
    this.#after = after;
  }

  /** Moves to the port that is wanted now. It is the one change that can fail after all others were found good. */
  async moveToPort(): Promise<void> {
    const [before, after] = [this.#before.listenPort ?? 0, this.#after.listenPort ?? 0];
    if (before === after) return;
    if (!this.#transport.listenOn)
      throw new TunnelError(
        'ERR_CONFIG',
        'ListenPort cannot change while the tunnel runs through a relay: close it and open it again.',
      );
    await this.#transport.listenOn(after);
    this.#note(
      'listenPort',
      'nothing',
      0,
      `Peers learn of UDP port ${this.#transport.localPort ?? after} from the next packet.`,
    );
  }

  /** Everything else, at once. `key`: where it is another than before. */
  apply(key: NewKey | undefined, now: Instant): ConfigureReport {
    const wanted = byPublicKey(this.#after.peers);
    // Who is not listed goes first, and never hears of a new key.
    for (const peer of [...this.#core.device.peers]) this.#removeUnless(wanted, peer);
    this.#movePeers(wanted);
    if (key) this.#changeKey(key, now);
    if (this.#after.mtu !== this.#before.mtu) this.#changeMtu();
    if (this.#after.addresses.join() !== this.#before.addresses.join()) this.#changeAddresses();
    const before = byPublicKey(this.#before.peers);
    for (const [name, peer] of wanted) this.#settlePeer(name, peer, before.get(name), now);
    this.#settleNames(now);
    return this.#report;
  }

  #note(
    change: ConfigureReset['change'],
    resets: ConfigureReset['resets'],
    count: number,
    detail: string,
  ): void {
    this.#report.resets.push({ change, resets, count, detail });
  }

  #removeUnless(wanted: ReadonlyMap<string, EnginePeer>, { publicKey }: Peer): void {
    const name = toBase64(publicKey);
    if (wanted.has(name)) return;
    this.#core.device.removePeer(publicKey);
    this.#report.peers.removed.push(name);
  }

  #changeKey({ identity, lastTimestamp }: NewKey, now: Instant): void {
    const { device } = this.#core;
    const count = [...device.peers].filter((peer) => peer.hasSession(now)).length;
    const name = toBase64(identity.publicKey);
    if (device.getPeer(identity.publicKey)) this.#report.peers.removed.push(name);
    device.setIdentity(identity, now, lastTimestamp);
    const detail = `Our public key is now ${name}, which every peer must be told; sessions under the old key send nothing more, and the next packet to a peer begins a handshake.`;
    this.#note('privateKey', 'sessions', count, detail);
  }

  #changeMtu(): void {
    const { mtu } = this.#after;
    this.#core.device.setMtu(mtu);
    this.#core.stack.setMtu(mtu);
    const connections = mtu < this.#before.mtu ? 'All connections obey it' : 'New connections make use of it';
    this.#note('mtu', 'nothing', 0, `The MTU is now ${mtu}. ${connections} from now on.`);
  }

  #changeAddresses(): void {
    const count = this.#core.stack.setAddresses(prefixesOf(this.#after.addresses));
    const [before, after] = [this.#before.addresses, this.#after.addresses].map((list) =>
      list.map((text) => text.replace(/\/.*/, '')),
    );
    const gone = before!.filter((address) => !after!.includes(address));
    const detail =
      gone.length === 0
        ? 'No address is gone: no connection is reset.'
        : `Connections from ${gone.join(', ')} are reset, ${count} in all.`;
    this.#note('addresses', count > 0 ? 'connections' : 'nothing', count, detail);
  }

  /** Whatever was found out in the network as it was may be wrong in this one, also where the servers are the same. */
  #settleNames(now: Instant): void {
    const config = resolverConfigOf(this.#after);
    this.#core.stack.names.configure(config, now);
    const [before, after] = [this.#before, this.#after].map(({ dns = [], searchDomains = [] }) =>
      [...dns, ...searchDomains].join(', '),
    );
    if (before === after) return;
    const detail =
      config.servers.length === 0
        ? 'There is no DNS server any more: names are not looked up.'
        : `Names are looked up with ${after} from now on, and nothing is kept of before.`;
    this.#note('dns', 'nothing', 0, detail);
  }

  /**
   * A peer that has roamed stays where it is, unless the configuration says something new. What nobody needs any more is
   * let go before anything new is asked for: a relay has few channels.
   */
  #movePeers(wanted: ReadonlyMap<string, EnginePeer>): void {
    const transport = this.#transport;
    const movers: [Peer, Place][] = [];
    for (const before of this.#before.peers) {
      const peer = this.#core.device.getPeer(before.publicKey);
      const place = wanted.get(toBase64(before.publicKey))?.endpoint;
      if (peer && place && !isSamePlace(place, before.endpoint)) movers.push([peer, place]);
    }
    for (const [peer] of movers) this.#moved.add(peer);
    const inUse = new Set<Endpoint | undefined>();
    for (const peer of this.#core.device.peers) if (!this.#moved.has(peer)) inUse.add(peer.endpoint);
    const places = new Set(this.#after.peers.map(({ endpoint }) => endpoint && printEndpoint(endpoint)));
    for (const { endpoint: place } of this.#before.peers) {
      if (!place || places.has(printEndpoint(place))) continue;
      const endpoint = transport.endpointFor(place.host, place.port);
      if (!inUse.has(endpoint)) transport.release(endpoint);
    }
    for (const [peer, { host, port }] of movers) peer.setEndpoint(transport.endpointFor(host, port));
  }

  #settlePeer(name: string, wanted: EnginePeer, before: EnginePeer | undefined, now: Instant): void {
    const { device } = this.#core;
    const peer = device.getPeer(wanted.publicKey);
    if (peer && before) {
      if (this.#changePeer(peer, wanted, before, now)) this.#report.peers.changed.push(name);
    } else if (device.addPeer(peerConfigOf(wanted, this.#transport), now)) {
      this.#report.peers.added.push(name);
    }
  }

  /** Whether anything was different. */
  #changePeer(peer: Peer, wanted: EnginePeer, before: EnginePeer, now: Instant): boolean {
    const { allowedIps, persistentKeepalive } = wanted;
    const routesDiffer = [...allowedIps].sort().join() !== [...before.allowedIps].sort().join();
    if (routesDiffer) peer.setAllowedIps(prefixesOf(allowedIps));
    const pskDiffers = peer.setPresharedKey(wanted.presharedKey);
    const isMoved = this.#moved.has(peer);
    if (isMoved && !peer.hasSession(now)) peer.sendInitiation(false, now);
    const keepaliveDiffers = persistentKeepalive !== before.persistentKeepalive;
    if (keepaliveDiffers) peer.setPersistentKeepalive(persistentKeepalive, now);
    return routesDiffer || pskDiffers || isMoved || keepaliveDiffers;
  }
}

type Place = NonNullable<EnginePeer['endpoint']>;

function isSamePlace(a: Place, b: Place | undefined): boolean {
  return a.host === b?.host && a.port === b.port;
}

function byPublicKey(peers: readonly EnginePeer[]): Map<string, EnginePeer> {
  return new Map(peers.map((peer) => [toBase64(peer.publicKey), peer]));
}
