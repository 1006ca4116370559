// A chunk of its own: what uses the network inside, loaded when a peer has answered.
import { useEffect, useState } from 'preact/hooks';
import { Monitor } from '../instruments/monitor.ts';
import type { ConsoleModel } from '../model.ts';
import { lazy } from '../parts/lazy.tsx';
import { DownloadPanel } from './download.tsx';
import { HttpPanel } from './http.tsx';
import { LookupPanel } from './lookup.tsx';
import { MtuPanel } from './mtu.tsx';
import { PacketsPanel } from './packets.tsx';
import { PingPanel } from './ping.tsx';
import { PortPanel } from './ports.tsx';
import { SocketsPanel } from './sockets.tsx';
import { TerminalPanel } from './terminal.tsx';
import { TracePanel } from './trace.tsx';
import '../style/tools.css';

const InstrumentsPanel = lazy(async () => (await import('./instruments.tsx')).InstrumentsPanel);
const ThroughputPanel = lazy(async () => (await import('./throughput.tsx')).ThroughputPanel);

export function ToolPanels({ model }: { model: ConsoleModel }) {
  const [monitor] = useState(() => new Monitor(model.session, model.ping));
  useEffect(() => monitor.start(), [monitor]);
  return (
    <>
      <TerminalPanel model={model} />
      <InstrumentsPanel monitor={monitor} />
      <div class="columns">
        <div class="column">
          <PingPanel model={model} />
          <HttpPanel model={model} />
          <ThroughputPanel model={model} />
        </div>
        <div class="column">
          <DownloadPanel model={model} />
          <LookupPanel model={model} />
          <PortPanel model={model} />
          <TracePanel model={model} />
          <MtuPanel model={model} />
        </div>
      </div>
      <SocketsPanel model={model} monitor={monitor} />
      <PacketsPanel model={model} />
    </>
  );
}
