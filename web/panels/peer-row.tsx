import type { PeerStatus } from '../../src/index.ts';
import { formatAgo, formatBytes, formatRate, shortKey } from '../format.ts';
import { CopyButton } from '../parts/copy-button.tsx';
import { Sparkline } from '../parts/sparkline.tsx';
import type { PeerTraffic } from '../session.ts';
import type { Meter } from '../traffic.ts';

interface Props {
  peer: PeerStatus;
  traffic: PeerTraffic | undefined;
  now: number;
}

export function PeerRow({ peer, traffic, now }: Props) {
  const { latestHandshake, handshakeAttempts } = peer;
  return (
    <article class="peer" aria-label={`Peer ${shortKey(peer.publicKey)}`}>
      <dl class="facts">
        <div>
          <dt>Peer</dt>
          <dd class="mono" title={peer.publicKey}>
            {shortKey(peer.publicKey)}
            <CopyButton text={peer.publicKey} what="the peer’s public key" />
          </dd>
        </div>
        <div>
          <dt>Endpoint</dt>
          <dd class="mono">{peer.endpoint ?? 'none yet'}</dd>
        </div>
        <div>
          <dt>Latest handshake</dt>
          <dd>
            {latestHandshake ? formatAgo(now - latestHandshake.getTime()) : 'none yet'}
            {handshakeAttempts > 1 && <span class="dim">try {handshakeAttempts}</span>}
          </dd>
        </div>
        <div>
          <dt>Allowed IPs</dt>
          <dd class="mono">{peer.allowedIps.join(', ') || 'none'}</dd>
        </div>
        <Flow name="Received" bytes={peer.transferRx} meter={traffic?.received} />
        <Flow name="Sent" bytes={peer.transferTx} meter={traffic?.sent} />
      </dl>
    </article>
  );
}

function Flow({ name, bytes, meter }: { name: string; bytes: number; meter: Meter | undefined }) {
  const rate = meter?.rate ?? 0;
  return (
    <div class="flow">
      <dt>{name}</dt>
      <dd>
        {formatBytes(bytes)} <span class="dim">{formatRate(rate)}</span>
      </dd>
      <dd class="flow-plot">
        <Sparkline values={[...(meter?.history ?? [])]} span={60} label={`${name}, the last minute`} />
      </dd>
    </div>
  );
}
