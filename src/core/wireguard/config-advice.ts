// What is legal in a configuration but will probably not do what was meant.
import { IpPrefix } from '../address.ts';
import { fromBase64, toBase64, wipe } from '../bytes.ts';
import { publicKey } from '../crypto/x25519.ts';
import { AllowedIps } from './allowed-ips.ts';
import type { InterfaceConfig } from './config.ts';
import { type ConfigIssues, quote } from './config-issue.ts';
import type { Given, PeerDraft } from './config-reader.ts';

/** The least MTU of IPv6 (RFC 8200 §5). */
const IPV6_LEAST_MTU = 1280;

/** Adds its warnings to `issues`; first those about the whole, since a list has an end. */
export function considerConfig(
  own: InterfaceConfig,
  given: Given,
  peers: readonly PeerDraft[],
  issues: ConfigIssues,
): void {
  const warn = (line: number, key: string | undefined, text: string) =>
    issues.report('warning', line, 1, key, text);
  const { privateKey, addresses, mtu } = own;
  if (privateKey === undefined)
    warn(1, 'PrivateKey', 'PrivateKey: missing in [Interface]; it must be given when the tunnel is opened');
  if (addresses.length === 0)
    warn(1, 'Address', 'Address: missing in [Interface]; without one there is no address to send from');
  if (peers.length === 0) warn(1, undefined, 'no [Peer]: there is nobody to talk to');
  if (mtu !== undefined && mtu < IPV6_LEAST_MTU && addresses.some((address) => address.includes(':')))
    warn(given.MTU!, 'MTU', `MTU "${mtu}": IPv6 needs at least ${IPV6_LEAST_MTU}`);
  if (privateKey !== undefined) considerOwnKey(privateKey, peers, warn);
  considerRoutes(own.dns, peers, warn);
  for (const { line, values, allowedIPs } of peers) {
    if (allowedIPs.length === 0)
      warn(
        line,
        'AllowedIPs',
        'AllowedIPs: none; nothing is routed to this peer and nothing accepted from it',
      );
    if (values.endpoint === undefined)
      warn(line, 'Endpoint', 'Endpoint: missing; this peer has to call first');
  }
}

type Warn = (line: number, key: string | undefined, text: string) => void;

/** A device ignores a peer that has its own key (as wg does): most likely somebody mixed up the two sides' keys. */
function considerOwnKey(privateKey: string, peers: readonly PeerDraft[], warn: Warn): void {
  if (peers.length === 0) return;
  const bytes = fromBase64(privateKey)!;
  const ours = toBase64(publicKey(bytes));
  wipe(bytes);
  for (const { given, values } of peers)
    if (values.publicKey === ours)
      warn(
        given.PublicKey!,
        'PublicKey',
        'PublicKey: belongs to our own PrivateKey, so this peer is ignored; are PrivateKey and PublicKey swapped?',
      );
}

function considerRoutes(dns: readonly string[], peers: readonly PeerDraft[], warn: Warn): void {
  const routes = new AllowedIps<PeerDraft>();
  let everything: number | undefined;
  let everythingIpv6: number | undefined;
  for (const peer of peers) {
    for (const { prefix, line } of peer.allowedIPs) {
      if (prefix === '0.0.0.0/0') everything = line;
      if (prefix === '::/0') everythingIpv6 = line;
      if (dns.length > 0) routes.insert(IpPrefix.parse(prefix)!, peer);
    }
  }
  if (everything !== undefined && everythingIpv6 === undefined)
    warn(everything, 'AllowedIPs', 'AllowedIPs: 0.0.0.0/0 without ::/0: IPv6 is not routed');
  for (const server of dns) {
    const { address } = IpPrefix.parse(server)!;
    if (routes.lookup(address.bytes, 0, address.version) === undefined)
      warn(1, 'DNS', `DNS: ${quote(server)}: inside no peer's AllowedIPs, so it cannot be reached`);
  }
}
