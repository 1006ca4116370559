// A chunk of its own: loaded with the tools, once a peer has answered.

import { useSignal } from '@preact/signals';
import { bracketed } from '../../src/core/host-port.ts';
import { formatBytes, formatDuration, formatRate } from '../format.ts';
import type { ConsoleModel } from '../model.ts';
import { Field, Select } from '../parts/field.tsx';
import { Plot } from '../parts/plot.tsx';
import { Outcome, Tool } from '../parts/tool.tsx';
import {
  type Direction,
  readSeconds,
  type ServerKind,
  ThroughputRun,
  type ThroughputState,
} from '../throughput/throughput-run.ts';
import { useRun } from '../tools/use-run.ts';

const KINDS = [
  ['http', 'Web server'],
  ['iperf3', 'iperf3 server'],
] as const;
const DIRECTIONS = [
  ['download', 'Download'],
  ['upload', 'Upload'],
] as const;

const EXPLANATIONS: Record<ServerKind, string> = {
  http: 'Fetches the URL over and over, or posts random bytes to it, for so many seconds, and keeps nothing.',
  iperf3: 'Speaks to a server that runs iperf3 -s (port 5201 unless you name another): one TCP stream.',
};

export function ThroughputPanel({ model }: { model: ConsoleModel }) {
  const run = useRun(ThroughputRun);
  const kind = useSignal<ServerKind>('http');
  const direction = useSignal<Direction>('download');
  const url = useSignal(urlOfDownload(model));
  const server = useSignal(model.downloadHost.peek());
  const seconds = useSignal('10');
  const start = () => {
    const tunnel = model.session.tunnel.value;
    if (!tunnel) return;
    const target = (kind.value === 'http' ? url : server).value.trim();
    const explain = (error: unknown) => model.session.adviseOn(error, target);
    void run.measure(
      tunnel,
      () => ({
        kind: kind.value,
        direction: direction.value,
        address: target,
        seconds: readSeconds(seconds.value),
      }),
      explain,
    );
  };
  const state = run.state.value;
  return (
    <Tool
      name="Throughput test"
      action="Start test"
      run={run}
      onStart={start}
      form={
        <>
          {kind.value === 'http' ? (
            <Field
              key="http"
              id="throughput-url"
              label="URL"
              value={url}
              placeholder="http://10.0.0.1/large.bin"
              inputMode="url"
              isWide
            />
          ) : (
            <Field
              key="iperf3"
              id="throughput-server"
              label="Address"
              value={server}
              placeholder="10.0.0.1:5201"
              isWide
            />
          )}
          <Select id="throughput-kind" label="Against" value={kind} choices={KINDS} />
          <Select id="throughput-direction" label="Direction" value={direction} choices={DIRECTIONS} />
          <Field id="throughput-seconds" label="Seconds" value={seconds} inputMode="numeric" narrow />
        </>
      }
    >
      <Outcome>{state?.isDone ? outcomeOf(state) : undefined}</Outcome>
      {state && <Measured run={run} state={state} seconds={Number(seconds.value) || 10} />}
      {!state && !run.advice.value && (
        <p class="dim empty">{run.running.value ? 'Connecting…' : EXPLANATIONS[kind.value]}</p>
      )}
    </Tool>
  );
}

function Measured({ run, state, seconds }: { run: ThroughputRun; state: ThroughputState; seconds: number }) {
  return (
    <>
      <div class="reading">
        <p class="reading-value">{formatRate(state.rate)}</p>
        <p class="reading-note">{((state.rate * 8) / 1e6).toFixed(1)} Mbit/s</p>
      </div>
      <Plot
        title={state.direction === 'download' ? 'Received' : 'Sent'}
        times={run.times}
        curves={[{ name: 'each quarter of a second', values: run.rates }]}
        now={run.times.at(-1) ?? 0}
        span={seconds}
        least={1000}
        format={formatRate}
      />
    </>
  );
}

function outcomeOf({ direction, bytes, elapsed, retransmits }: ThroughputState): string {
  const amount = `${formatBytes(bytes)} in ${formatDuration(elapsed)}`;
  const verb = direction === 'download' ? 'received' : 'sent';
  const again =
    retransmits === undefined || direction === 'download' ? '' : `, ${retransmits} segments sent again`;
  return `${amount} ${verb}${again}.`;
}

/** Where the download panel would fetch from: a file that is there. */
function urlOfDownload({ downloadHost, downloadPort, downloadPath }: ConsoleModel): string {
  const host = downloadHost.peek().trim();
  if (host === '') return '';
  const authority = bracketed(host);
  const port = downloadPort.peek() === '80' ? '' : `:${downloadPort.peek()}`;
  return `http://${authority}${port}${downloadPath.peek()}`;
}
