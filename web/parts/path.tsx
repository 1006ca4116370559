import { formatMillis } from '../format.ts';
import type { PingRun } from '../ping-run.ts';
import type { Session } from '../session.ts';

type LegState = 'live' | 'waiting' | 'failed' | 'off';

/** The way a packet takes, as a wire: this page, the relay, the peer, the network behind it. */
export function Path({ session, ping }: { session: Session; ping: PingRun }) {
  const status = session.status.value;
  const relay = relayLeg(session);
  const peer = relay === 'live' ? peerLeg(session) : 'off';
  const inside = peer === 'live' ? 'live' : 'off';
  const rtt = status?.transport.rtt;
  const answered = ping.samples.value.filter((sample) => sample.rtt !== undefined).at(-1)?.rtt;
  const endpoints = status?.peers.flatMap((item) => item.endpoint ?? []) ?? [];
  const routes = status?.peers.flatMap((item) => item.allowedIps) ?? [];
  return (
    <ol class="path" aria-label="The way of a packet">
      <li class="stop" data-state="live">
        <TabShape />
        <p class="stop-name">This page</p>
        <p class="stop-text">
          {status?.addresses.map((address) => address.replace(/\/(32|128)$/, '')).join(', ')}
        </p>
      </li>
      <Stop
        state={relay}
        leg={relay === 'live' && rtt !== undefined ? formatMillis(rtt) : ''}
        name="Relay"
        text={hostOf(status?.transport.via ?? session.relays.value[0])}
      />
      <Stop
        state={peer}
        leg={peer === 'live' ? 'WireGuard' : ''}
        name={endpoints.length > 1 ? 'Peers' : 'Peer'}
        text={endpoints.join(', ')}
      />
      <Stop
        state={inside}
        leg={inside === 'off' || answered === undefined ? '' : `ping ${formatMillis(answered)}`}
        name="Inside"
        text={routes.join(', ')}
      />
    </ol>
  );
}

/** A stop and the leg of wire that leads to it. */
function Stop({ state, leg, name, text }: { state: LegState; leg: string; name: string; text: string }) {
  return (
    <li class="stop" data-state={state}>
      <span class="leg" aria-hidden="true">
        <span class="leg-label">{leg}</span>
      </span>
      <span class="node" aria-hidden="true" />
      <p class="stop-name">{name}</p>
      <p class="stop-text" title={text}>
        {text}
      </p>
    </li>
  );
}

/** The wire bends into the outline of a tab where it leaves this page. */
function TabShape() {
  return (
    <svg class="tab-shape" viewBox="0 0 44 22" aria-hidden="true">
      <path d="M0 19h7.500c4 0 4.8-1.7 5.4-4.700l1.5-7.500C14.9 4 16.2 3 19 3h6c2.8 0 4.1 1 4.6 3.800l1.5 7.500c.6 3 1.4 4.7 5.4 4.700H44" />
    </svg>
  );
}

function relayLeg(session: Session): LegState {
  switch (session.status.value?.transport.state) {
    case 'open':
      return 'live';
    case 'failed':
      return 'failed';
    case 'idle':
      return 'off';
    default:
      return 'waiting';
  }
}

function peerLeg(session: Session): LegState {
  const { tone } = session.line.value;
  // Quiet is not broken: the wire stays lit while a session can be had for the asking.
  return tone === 'idle' ? 'live' : tone;
}

function hostOf(url: string | undefined): string {
  return url ? url.replace(/^[a-z+]+:\/\//, '').replace(/\/.*$/, '') : '';
}
