// What is recorded with Linux at the other end. Each scenario is what the application does, and what Linux's does.
import { setTimeout as delay } from 'node:timers/promises';
import type { TcpOptions } from '../../../../src/core/netstack/tcp/state.ts';
import type { TcpLayerOptions } from '../../../../src/core/netstack/tcp/tcp-layer.ts';
import type { LinkProfile } from '../../link-profile.ts';
import type { Wish } from '../injector/agent.ts';
import type { Recorder } from './recorder.ts';

/** Linux's side: agent.ts on ports 80 and 53, inner-services.ts on 7, 9 and 19. */
export interface Stage {
  recorder: Recorder;
  /** Linux's address, and behind it that of a host beyond a narrower link. */
  linux: string;
  far: string;
  ours: string;
  ask(wish: Wish): Promise<unknown>;
}

export interface RecordedScenario {
  name: string;
  family: 4 | 6;
  /** What differs from Linux as it is. */
  sysctls: readonly string[];
  link: LinkProfile;
  tcp: TcpLayerOptions;
  play(stage: Stage): Promise<void>;
}

const CLEAN: LinkProfile = { delay: 5 };
const ECHO = 7;
const SINK = 9;
const SOURCE = 19;
const AGENT = 80;
const CLOSED = 81;
const OUR_PORT = 5000;
const LOCAL_PORT = 40_000;
/** Linux's own. */
const AGENT_PORT = 41_000;

/** Our handles. */
const [LISTENER, CONNECTION] = [1, 2];

type Play = RecordedScenario['play'];

// ---- what applications do

async function connect(
  { recorder, linux }: Stage,
  port: number,
  options: TcpOptions = {},
  to = linux,
): Promise<void> {
  recorder.call(`connect ${CONNECTION} ${to} ${port} ${LOCAL_PORT} ${JSON.stringify(options)}`);
  const { session } = recorder;
  await recorder.until(() => session.connection(CONNECTION).state !== 'SYN-SENT' || undefined);
}

/** Linux connects to us. */
async function accept({ recorder, ours, ask }: Stage): Promise<void> {
  recorder.call(`listen ${LISTENER} ${OUR_PORT}`);
  await ask({ do: 'connect', address: ours, port: OUR_PORT, localPort: AGENT_PORT });
  await recorder.until(() => (recorder.session.stack.tcp.connectionCount > 0 ? true : undefined));
  while (recorder.call(`accept ${CONNECTION} ${LISTENER}`) === 'none') await delay(5);
}

/** Until so much has been read, or the stream ends. */
async function read({ recorder }: Stage, bytes: number): Promise<void> {
  const connection = recorder.session.connection(CONNECTION);
  for (let got = 0; got < bytes; ) {
    await recorder.until(
      () => connection.readableBytes > 0 || connection.readEnded || isOver(recorder) || undefined,
    );
    if (connection.readableBytes === 0) break;
    got += Number.parseInt(recorder.call(`read ${CONNECTION} 65536`), 10);
  }
}

async function write({ recorder }: Stage, bytes: number): Promise<void> {
  for (let left = bytes; left > 0; ) {
    const taken = Number(recorder.call(`write ${CONNECTION} ${Math.min(left, 60_000)}`));
    left -= taken;
    if (taken === 0) await delay(20);
  }
}

async function readEnd(stage: Stage): Promise<void> {
  await read(stage, Number.POSITIVE_INFINITY);
  stage.recorder.call(`read ${CONNECTION} 1`);
}

function isOver({ session }: Recorder): boolean {
  return ['CLOSED', 'TIME-WAIT'].includes(session.connection(CONNECTION).state);
}

async function over({ recorder }: Stage): Promise<void> {
  await recorder.until(() => isOver(recorder) || undefined);
  recorder.call(`state ${CONNECTION}`);
}

// ---- scenarios

const echo =
  (bytes: number, options: TcpOptions = {}): Play =>
  async (stage) => {
    await connect(stage, ECHO, options);
    await write(stage, bytes);
    await read(stage, bytes);
    stage.recorder.call(`shutdown ${CONNECTION}`);
    await readEnd(stage);
    await over(stage);
  };

const served: Play = async (stage) => {
  const { recorder, ask } = stage;
  await accept(stage);
  await ask({ do: 'write', port: OUR_PORT, bytes: 3000 });
  await read(stage, 3000);
  await write(stage, 3000);
  await ask({ do: 'shutdown', port: OUR_PORT });
  await readEnd(stage);
  recorder.call(`close ${CONNECTION}`);
  await over(stage);
};

const upload =
  (bytes: number): Play =>
  async (stage) => {
    await connect(stage, SINK);
    await write(stage, bytes);
    stage.recorder.call(`shutdown ${CONNECTION}`);
    await readEnd(stage);
    await over(stage);
  };

const download =
  (bytes: number): Play =>
  async (stage) => {
    const { recorder, ask } = stage;
    await connect(stage, AGENT);
    await ask({ do: 'accepted', port: LOCAL_PORT });
    await ask({ do: 'write', port: LOCAL_PORT, bytes });
    await read(stage, bytes);
    await ask({ do: 'shutdown', port: LOCAL_PORT });
    await readEnd(stage);
    recorder.call(`close ${CONNECTION}`);
    await over(stage);
  };

const halfClose: Play = async (stage) => {
  const { recorder, ask } = stage;
  await connect(stage, AGENT);
  await ask({ do: 'accepted', port: LOCAL_PORT });
  await ask({ do: 'shutdown', port: LOCAL_PORT });
  await readEnd(stage);
  await write(stage, 2000);
  await delay(50);
  recorder.call(`shutdown ${CONNECTION}`);
  await over(stage);
};

const bothClose: Play = async (stage) => {
  const { recorder, ask } = stage;
  await connect(stage, AGENT);
  await ask({ do: 'accepted', port: LOCAL_PORT });
  const theirs = ask({ do: 'shutdown', port: LOCAL_PORT });
  recorder.call(`shutdown ${CONNECTION}`);
  await theirs;
  await over(stage);
};

const theyReset: Play = async (stage) => {
  const { ask } = stage;
  await connect(stage, AGENT);
  await ask({ do: 'accepted', port: LOCAL_PORT });
  await write(stage, 1000);
  await delay(30);
  await ask({ do: 'end', port: LOCAL_PORT });
  await over(stage);
};

const weReset: Play = async (stage) => {
  await connect(stage, ECHO);
  await write(stage, 1000);
  await read(stage, 1000);
  stage.recorder.call(`abort ${CONNECTION}`);
  await over(stage);
  await delay(30);
};

const refused: Play = async (stage) => {
  await connect(stage, CLOSED);
  await over(stage);
};

const weRefuse: Play = async ({ ask, ours }) => {
  await ask({ do: 'connect', address: ours, port: CLOSED, localPort: AGENT_PORT });
  await delay(50);
};

const ourWindowCloses: Play = async (stage) => {
  const { recorder } = stage;
  await connect(stage, SOURCE, { receiveBufferSize: 8000 });
  const connection = recorder.session.connection(CONNECTION);
  await recorder.until(() => connection.readableBytes >= 8000 || undefined);
  // Linux asks a few times.
  await delay(1000);
  await read(stage, 20_000);
  recorder.call(`abort ${CONNECTION}`);
  await delay(30);
};

const theirWindowCloses: Play = async (stage) => {
  const { recorder, ask } = stage;
  await connect(stage, AGENT);
  await ask({ do: 'accepted', port: LOCAL_PORT });
  await ask({ do: 'pause', port: LOCAL_PORT });
  recorder.call(`write ${CONNECTION} 120000`);
  await delay(2000);
  await ask({ do: 'resume', port: LOCAL_PORT });
  recorder.call(`shutdown ${CONNECTION}`);
  await delay(300);
  await ask({ do: 'shutdown', port: LOCAL_PORT });
  await over(stage);
};

const keepAlive: Play = async (stage) => {
  await connect(stage, ECHO, { keepAliveDelay: 200 });
  await delay(900);
  stage.recorder.call(`shutdown ${CONNECTION}`);
  await readEnd(stage);
  await over(stage);
};

const urgent: Play = async (stage) => {
  const { recorder } = stage;
  await connect(stage, SINK, { noDelay: true });
  await write(stage, 100);
  recorder.call(`urgent ${CONNECTION}`);
  await write(stage, 3000);
  recorder.call(`shutdown ${CONNECTION}`);
  await readEnd(stage);
  await over(stage);
};

const keystrokes =
  (options: TcpOptions): Play =>
  async (stage) => {
    await connect(stage, ECHO, options);
    for (let i = 0; i < 12; i++) {
      await write(stage, 1 + (i % 3));
      if (i % 4 === 3) await read(stage, 1);
    }
    stage.recorder.call(`shutdown ${CONNECTION}`);
    await readEnd(stage);
    await over(stage);
  };

const pathMtu: Play = async (stage) => {
  const { recorder, far } = stage;
  await connect(stage, SINK, {}, far);
  await write(stage, 20_000);
  recorder.call(`shutdown ${CONNECTION}`);
  await readEnd(stage);
  await over(stage);
};

const datagrams: Play = async ({ recorder, linux }) => {
  recorder.call(`udp 3 6000 ${linux} ${ECHO}`);
  for (const size of [0, 1, 1000, 1392, 5000]) {
    recorder.call(`send 3 ${size}`);
    while (recorder.call('receive 3') === 'none') await delay(5);
  }
  recorder.call(`udp 4 6001 ${linux} ${CLOSED}`);
  recorder.call('send 4 10');
  await delay(50);
  recorder.call('notes 4');
};

const pings: Play = async ({ recorder, linux, far }) => {
  recorder.call(`ping 5 ${linux}`);
  recorder.call(`ping 6 ${far}`);
  for (const [sequence, size] of [0, 56, 1300, 3000].entries()) {
    recorder.call(`echo 5 ${sequence} ${size}`);
    await delay(40);
  }
  recorder.call('echo 6 9 1350 df');
  await delay(40);
  recorder.call('notes 5');
};

// ---- all of them

type Wished = Partial<Omit<RecordedScenario, 'name' | 'family' | 'play'>>;

function both(name: string, play: Play, wished: Wished = {}): RecordedScenario[] {
  return ([4, 6] as const).map((family) => ({
    name: `${name}-ipv${family}`,
    family,
    sysctls: [],
    link: CLEAN,
    tcp: {},
    ...wished,
    play,
  }));
}

const SWITCHED_OFF = ['timestamps', 'sack', 'window_scaling'] as const;
const off = (name: string) => `net.ipv4.tcp_${name}=0`;
const BAD_LINKS: Record<string, LinkProfile> = {
  loss: { delay: 10, loss: 0.03 },
  reordering: { delay: 10, reorder: { part: 0.1, by: 15 } },
  duplication: { delay: 10, duplicate: 0.1 },
  'narrow-link': { delay: 10, rate: 8_000_000, queue: 15_000 },
};

export const SCENARIOS: readonly RecordedScenario[] = [
  ...both('echo', echo(3000)),
  ...both('served', served),
  ...SWITCHED_OFF.flatMap((name) => [
    ...both(`echo-linux-without-${name}`, echo(3000), { sysctls: [off(name)] }),
    ...both(`served-linux-without-${name}`, served, { sysctls: [off(name)] }),
  ]),
  ...both('echo-linux-without-any', echo(3000), { sysctls: SWITCHED_OFF.map(off) }),
  ...both('echo-linux-with-ecn', echo(3000), { sysctls: ['net.ipv4.tcp_ecn=1'], tcp: { ecn: 'ask' } }),
  ...both('served-linux-with-ecn', served, { sysctls: ['net.ipv4.tcp_ecn=1'] }),
  ...both('echo-ecn-refused', echo(3000), { sysctls: [off('ecn')], tcp: { ecn: 'ask' } }),
  ...both('echo-ours-without-timestamps', echo(3000), { tcp: { timestamps: false } }),
  ...both('echo-ours-without-sack', echo(3000), { tcp: { sack: false } }),
  ...both('small-segments', echo(8000, { maxSegmentSize: 536 })),
  ...Object.entries(BAD_LINKS).flatMap(([name, link]) => [
    ...both(`upload-${name}`, upload(120_000), { link }),
    ...both(`download-${name}`, download(120_000), { link }),
  ]),
  ...both('upload-loss-new-reno-without-sack', upload(120_000), {
    link: BAD_LINKS.loss!,
    tcp: { sack: false, congestion: 'new-reno' },
  }),
  ...both('half-close', halfClose),
  ...both('both-close', bothClose),
  ...both('they-reset', theyReset),
  ...both('we-reset', weReset),
  ...both('refused', refused),
  ...both('we-refuse', weRefuse),
  ...both('our-window-closes', ourWindowCloses),
  ...both('their-window-closes', theirWindowCloses, { sysctls: ['net.ipv4.tcp_rmem=4096 16384 16384'] }),
  ...both('keep-alive', keepAlive),
  ...both('urgent', urgent),
  ...both('keystrokes-nagle', keystrokes({})),
  ...both('keystrokes-no-delay', keystrokes({ noDelay: true })),
  ...both('path-mtu', pathMtu),
  ...both('datagrams', datagrams),
  ...both('pings', pings),
];
