// A chunk of its own: what there is to see of a tunnel, once there is one.
import type { ConsoleModel } from '../model.ts';
import { Folded } from '../parts/folded.tsx';
import { lazy } from '../parts/lazy.tsx';
import { Path } from '../parts/path.tsx';
import { Drops } from './drops.tsx';
import { PeerRow } from './peer-row.tsx';

const DoctorPanel = lazy(async () => (await import('./doctor.tsx')).DoctorPanel);

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
      <Folded title="Diagnose">{() => <DoctorPanel model={model} />}</Folded>
    </>
  );
}
