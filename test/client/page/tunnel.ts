import { derivePublicKey, generatePrivateKey, Tunnel, type TunnelOptions } from '../../../src/index.ts';

export const OUR_V4 = '10.0.0.2';
export const OUR_V6 = 'fd00::2';

const PEER = derivePublicKey(generatePrivateKey());
/** Nobody is there: all that matters goes to our own addresses. */
const RELAY = 'ws://127.0.0.1:9/v1';

/** The product, with its worker, its WASM and its channels, in a tunnel that reaches itself. */
export function openAlone(options: TunnelOptions = {}, privateKey = generatePrivateKey()): Promise<Tunnel> {
  const config = `[Interface]
PrivateKey = ${privateKey}
Address = ${OUR_V4}/24, ${OUR_V6}/64
[Peer]
PublicKey = ${PEER}
AllowedIPs = 0.0.0.0/0, ::/0`;
  return Tunnel.open(config, { relay: RELAY, ...options });
}
