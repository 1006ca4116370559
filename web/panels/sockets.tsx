import type { ComponentChildren } from 'preact';
import { hostAndPort } from '../../src/core/host-port.ts';
import type { PeerStatus, SocketStatus } from '../../src/index.ts';
import { count, formatAgo, formatBytes, formatMillis, formatRate, shortKey } from '../format.ts';
import type { Monitor } from '../instruments/monitor.ts';
import type { ConsoleModel } from '../model.ts';
import { Scrollable } from '../parts/scrollable.tsx';
import type { PeerTraffic } from '../session.ts';

/** More rows than this nobody reads. */
const SHOWN = 200;

/** Who is behind the tunnel, and what is open in it: as `wg show` and `ss` would print them. */
export function SocketsPanel({ model, monitor }: { model: ConsoleModel; monitor: Monitor }) {
  const { session } = model;
  const sockets = monitor.sockets.value;
  const peers = session.status.value?.peers ?? [];
  return (
    <section class="panel" aria-label="Sockets and peers">
      <div class="panel-head">
        <h2>Sockets and peers</h2>
        <p class="dim">
          {count(sockets.length, 'socket')}, {count(peers.length, 'peer')}
        </p>
      </div>
      {sockets.length === 0 && <p class="dim empty">Nothing is open inside the tunnel at this moment.</p>}
      {sockets.length > 0 && <Sockets sockets={sockets} />}
      <Peers peers={peers} trafficOf={(key) => session.traffic.get(key)} now={session.now.value} />
    </section>
  );
}

function Sockets({ sockets }: { sockets: readonly SocketStatus[] }) {
  return (
    <>
      <Table
        name="Sockets"
        left={['Protocol', 'State', 'Local', 'Remote']}
        right={['Sent', 'Received', 'Round trip', 'Window', 'In flight', 'Unsent', 'Retransmits']}
      >
        {sockets.slice(0, SHOWN).map((socket) => (
          <SocketRow key={keyOf(socket)} socket={socket} />
        ))}
      </Table>
      {sockets.length > SHOWN && <p class="dim">The first {SHOWN} are shown.</p>}
    </>
  );
}

function SocketRow({ socket }: { socket: SocketStatus }) {
  const { tcp } = socket;
  return (
    <tr>
      <td>{socket.protocol.toUpperCase()}</td>
      <td>{socket.state}</td>
      <td class="mono">{endOf(socket.localAddress, socket.localPort)}</td>
      <td class="mono">{endOf(socket.remoteAddress, socket.remotePort)}</td>
      <Figure>{formatBytes(socket.bytesSent)}</Figure>
      <Figure>{formatBytes(socket.bytesReceived)}</Figure>
      <Figure>{tcp?.rtt ? formatMillis(tcp.rtt) : '–'}</Figure>
      <Figure>{tcp ? formatBytes(tcp.cwnd) : '–'}</Figure>
      <Figure>{tcp ? formatBytes(tcp.bytesInFlight) : '–'}</Figure>
      <Figure>{tcp ? formatBytes(tcp.unsentBytes) : '–'}</Figure>
      <Figure>{tcp ? tcp.retransmits : '–'}</Figure>
    </tr>
  );
}

interface PeersProps {
  peers: readonly PeerStatus[];
  trafficOf: (publicKey: string) => PeerTraffic | undefined;
  now: number;
}

function Peers({ peers, trafficOf, now }: PeersProps) {
  return (
    <Table
      name="Peers"
      left={['Peer', 'Endpoint', 'Handshake']}
      right={['Received', 'Rate in', 'Sent', 'Rate out', 'Keepalive', 'Dropped']}
    >
      {peers.slice(0, SHOWN).map((peer) => {
        const traffic = trafficOf(peer.publicKey);
        const drops = Object.values(peer.drops).reduce((sum, number) => sum + number, 0);
        return (
          <tr key={peer.publicKey}>
            <th scope="row" class="mono" title={peer.publicKey}>
              {shortKey(peer.publicKey)}
            </th>
            <td class="mono">{peer.endpoint ?? 'none yet'}</td>
            <td>{peer.latestHandshake ? formatAgo(now - peer.latestHandshake.getTime()) : 'none yet'}</td>
            <Figure>{formatBytes(peer.transferRx)}</Figure>
            <Figure>{formatRate(traffic?.received.rate ?? 0)}</Figure>
            <Figure>{formatBytes(peer.transferTx)}</Figure>
            <Figure>{formatRate(traffic?.sent.rate ?? 0)}</Figure>
            <Figure>{peer.persistentKeepalive === 0 ? 'off' : `${peer.persistentKeepalive} s`}</Figure>
            <Figure>{drops}</Figure>
          </tr>
        );
      })}
    </Table>
  );
}

interface TableProps {
  name: string;
  /** Columns of words, then of numbers. */
  left: readonly string[];
  right: readonly string[];
  children: ComponentChildren;
}

/** Wider than a phone: it can be scrolled, by keyboard too. */
function Table({ name, left, right, children }: TableProps) {
  return (
    <Scrollable name={name} isWide>
      <table aria-label={name}>
        <thead>
          <tr>
            {left.map((title) => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
            {right.map((title, index) => (
              <th key={index} scope="col" class="number">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </Scrollable>
  );
}

function Figure({ children }: { children: ComponentChildren }) {
  return <td class="number">{children}</td>;
}

function keyOf({ protocol, localAddress, localPort, remoteAddress, remotePort }: SocketStatus): string {
  return [protocol, localAddress, localPort, remoteAddress, remotePort].join(' ');
}

/** `10.0.0.1:80`, `[fd00::1]:80`; `*` is whoever calls. */
function endOf(address: string | undefined, port: number | undefined): string {
  return address === undefined ? '*' : hostAndPort(address, port!);
}
