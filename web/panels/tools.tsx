// A chunk of its own: what uses the network inside, loaded when a peer has answered.
import type { ConsoleModel } from '../model.ts';
import { DownloadPanel } from './download.tsx';
import { HttpPanel } from './http.tsx';
import { LookupPanel } from './lookup.tsx';
import { MtuPanel } from './mtu.tsx';
import { PingPanel } from './ping.tsx';
import { PortPanel } from './ports.tsx';
import { TerminalPanel } from './terminal.tsx';
import { TracePanel } from './trace.tsx';
import '../style/tools.css';

export function ToolPanels({ model }: { model: ConsoleModel }) {
  return (
    <div class="columns">
      <TerminalPanel model={model} />
      <PingPanel model={model} />
      <DownloadPanel model={model} />
      <HttpPanel model={model} />
      <LookupPanel model={model} />
      <PortPanel model={model} />
      <TracePanel model={model} />
      <MtuPanel model={model} />
    </div>
  );
}
