// A chunk of its own: what there is to see of a tunnel, once there is one.
import type { ConsoleModel } from '../model.ts';
import { Path } from '../parts/path.tsx';
import { Drops } from './drops.tsx';
import { PeerRow } from './peer-row.tsx';

export function Connected({ model }: { model: ConsoleModel }) {
  const { session } = model;
  const status = session.status.value;
  return (
    <>
      <Path session={session} ping={model.ping} />
      {status && (
        <div class="peers">
          {status.peers.map((peer) => (
            <PeerRow
              key={peer.publicKey}
              peer={peer}
              traffic={session.traffic.get(peer.publicKey)}
              now={session.now.value}
            />
          ))}
        </div>
      )}
      {status && <Drops status={status} />}
    </>
  );
}
