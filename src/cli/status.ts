import { parseArgs } from 'node:util';
import type { PeerStatus, TunnelStatus } from '../node/index.ts';
import {
  firstHandshake,
  openTunnel,
  readConfig,
  sayOnStandardError,
  stopSignal,
  WAY_OUT,
  WAY_OUT_USAGE,
} from './open-tunnel.ts';

const USAGE = `Usage: tabwire status FILE.conf [OPTIONS]

Opens the tunnel that FILE.conf describes, waits for a handshake, and prints what \`wg show\` would. It is a client of its
own: where another one holds the same key, each throws the other out.

${WAY_OUT_USAGE}
  -W SECONDS            to wait for the handshake (default 5)
  --json                print all there is to know, as JSON
  --help                print this

Exit code 1 means that there was no handshake.
`;

const OPTIONS = {
  ...WAY_OUT,
  timeout: { type: 'string', short: 'W' },
  json: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

/** `tabwire status`. Rejects with a one-line reason for arguments that are wrong. */
export async function runStatus(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0)
    throw new Error('name one configuration: tabwire status FILE.conf');
  const patience = Number(values.timeout ?? '5');
  if (!(patience >= 0 && patience <= 3600))
    throw new Error(`-W "${values.timeout}": expected seconds, up to 3600`);
  const say = sayOnStandardError('status');
  const stopped = stopSignal();
  const tunnel = await openTunnel(readConfig(file, say), values, say);
  try {
    const failure = await firstHandshake(tunnel, patience * 1000, stopped).then(
      () => undefined,
      (error: Error) => error,
    );
    const status = await tunnel.status();
    process.stdout.write(values.json ? `${JSON.stringify(status, null, 2)}\n` : linesOf(status));
    if (failure) throw failure;
  } finally {
    await tunnel.close();
  }
}

/** In the words of `wg show`. */
export function linesOf(status: TunnelStatus): string {
  const { via, state, rtt } = status.transport;
  return [
    `interface: ${status.addresses.join(', ')}`,
    `  public key: ${status.publicKey}`,
    ...(status.listenPort === undefined ? [] : [`  listening port: ${status.listenPort}`]),
    `  mtu: ${status.mtu}`,
    `  transport: ${via}, ${state}${rtt === undefined ? '' : `, ${rtt.toFixed(1)} ms`}`,
    ...status.peers.flatMap(peerLines),
    '',
  ].join('\n');
}

function peerLines(peer: PeerStatus): string[] {
  const { latestHandshake, persistentKeepalive } = peer;
  return [
    '',
    `peer: ${peer.publicKey}`,
    ...(peer.presharedKey ? ['  preshared key: (hidden)'] : []),
    ...(peer.endpoint === undefined ? [] : [`  endpoint: ${peer.endpoint}`]),
    `  allowed ips: ${peer.allowedIps.join(', ') || '(none)'}`,
    ...(latestHandshake ? [`  latest handshake: ${latestHandshake.toISOString()}`] : []),
    `  transfer: ${peer.transferRx} B received, ${peer.transferTx} B sent`,
    ...(persistentKeepalive > 0 ? [`  persistent keepalive: every ${persistentKeepalive} seconds`] : []),
  ];
}
