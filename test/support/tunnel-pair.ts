import { derivePublicKey, generatePrivateKey, type NodeTunnelOptions, Tunnel } from '../../src/node/index.ts';
import { freeUdpPort } from './free-port.ts';

/** Two whole engines that speak to each other over real UDP sockets on loopback. */
export interface TunnelPair {
  /** At 10.8.0.1 and fd08::1. */
  us: Tunnel;
  /** At 10.8.0.2 and fd08::2. */
  them: Tunnel;
  close(): Promise<void>;
}

/** `more`: AllowedIPs of theirs beside the network that they are in; `options`: of our `Tunnel.open`. */
export async function openTunnelPair(
  more: readonly string[] = [],
  options: NodeTunnelOptions = {},
): Promise<TunnelPair> {
  const [ours, theirs] = [generatePrivateKey(), generatePrivateKey()];
  const port = await freeUdpPort();
  const them = await Tunnel.open(`[Interface]
PrivateKey = ${theirs}
Address = 10.8.0.2/24, fd08::2/64
ListenPort = ${port}
[Peer]
PublicKey = ${derivePublicKey(ours)}
AllowedIPs = 10.8.0.1/32, fd08::1/128`);
  const us = await Tunnel.open(
    `[Interface]
PrivateKey = ${ours}
Address = 10.8.0.1/24, fd08::1/64
[Peer]
PublicKey = ${derivePublicKey(theirs)}
AllowedIPs = ${['10.8.0.0/24', 'fd08::/64', ...more].join(', ')}
Endpoint = 127.0.0.1:${port}`,
    options,
  );
  await us.ready;
  return {
    us,
    them,
    close: async () => {
      await Promise.all([us, them].map((tunnel) => tunnel.close({ timeout: 0 })));
    },
  };
}
