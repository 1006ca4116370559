// Plays the scenarios with Linux at the other end and writes down what happened: traces/NAME.txt. Each is replayed at once: what
// does not repeat itself is no trace.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startServices } from '../../../support/inner-programs.ts';
import type { Namespace } from '../../../support/namespace.ts';
import { BenchNetwork } from '../../bench-network.ts';
import type { LinkProfile } from '../../link-profile.ts';
import { AgentClient } from '../injector/agent-client.ts';
import { Recorder } from './recorder.ts';
import { replay } from './replay.ts';
import { type RecordedScenario, SCENARIOS } from './scenarios.ts';

export const TRACES = join(import.meta.dirname, 'traces');
const MTU = 1420;
const FAR_MTU = 1300;
const OURS = { 4: '10.9.0.2', 6: 'fd09::2' };
const LINUX = { 4: '10.9.0.1', 6: 'fd09::1' };
const ROUTER = { 4: '10.9.1.1', 6: 'fd19::1' };
const FAR = { 4: '10.9.1.2', 6: 'fd19::2' };

/** Of those whose names begin so; all: what there is no scenario for any more goes. */
export async function record(beginning: string, say: (line: string) => void): Promise<void> {
  const chosen = SCENARIOS.filter(({ name }) => name.startsWith(beginning));
  mkdirSync(TRACES, { recursive: true });
  const names = new Set(SCENARIOS.map(({ name }) => `${name}.txt`));
  for (const file of readdirSync(TRACES)) if (!names.has(file)) rmSync(join(TRACES, file));
  // Scenarios over the same link share a network.
  const links = new Set(chosen.map(({ link }) => link));
  for (const link of links)
    await withLinux(link, async (linux) => {
      for (const scenario of chosen) {
        if (scenario.link !== link) continue;
        const trace = await linux.record(scenario);
        const { packets } = replay(trace);
        writeFileSync(join(TRACES, `${scenario.name}.txt`), trace);
        say(`${scenario.name}: ${packets} packets, ${trace.length} bytes`);
      }
    });
}

const all = (of: { 4: string; 6: string }): string[] => [`${of[4]}/24`, `${of[6]}/64`];

async function withLinux(link: LinkProfile, body: (linux: LinuxEnd) => Promise<void>): Promise<void> {
  const near = await BenchNetwork.up({
    a: [{ is: 'ours', addresses: all(OURS) }],
    b: [{ is: 'linux', addresses: all(LINUX) }],
    ab: link,
    ba: link,
    seed: 1,
    mtu: MTU,
  });
  const namespace = near.b[0]!.namespace!;
  const behind = await BenchNetwork.up({
    a: [{ is: 'linux', addresses: all(ROUTER), namespace, device: 'far', mtu: FAR_MTU }],
    b: [{ is: 'linux', addresses: all(FAR) }],
    ab: { delay: 1 },
    ba: { delay: 1 },
    seed: 1,
    mtu: MTU,
  });
  try {
    const far = behind.b[0]!.namespace!;
    await namespace.exec('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
    await far.exec('ip', 'route', 'add', 'default', 'via', ROUTER[4]);
    await far.exec('ip', '-6', 'route', 'add', 'default', 'via', ROUTER[6]);
    await startServices(namespace);
    await startServices(far);
    const agent = await AgentClient.start(namespace);
    await body(new LinuxEnd(near.a[0]!.path!, namespace, agent));
  } finally {
    await behind.down();
    await near.down();
  }
}

class LinuxEnd {
  readonly #path: string;
  readonly #namespace: Namespace;
  readonly #agent: AgentClient;

  constructor(path: string, namespace: Namespace, agent: AgentClient) {
    this.#path = path;
    this.#namespace = namespace;
    this.#agent = agent;
  }

  async record({ name, family, sysctls, tcp, play }: RecordedScenario): Promise<string> {
    const before: string[] = [];
    for (const sysctl of sysctls) {
      const [key] = sysctl.split('=');
      before.push(
        `${key}=${(await this.#namespace.exec('sysctl', '-n', key!)).trim().replaceAll('\t', ' ')}`,
      );
      await this.#namespace.exec('sysctl', '-qw', sysctl);
    }
    // What Linux remembers of one scenario is not to be in the next.
    await this.#namespace.exec('ip', 'tcp_metrics', 'flush');
    const seed = [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 1_000_003, 7);
    const options = { name, addresses: all(OURS), mtu: MTU, seed, tcp };
    const recorder = await Recorder.start(this.#path, options);
    try {
      const ask = (wish: Parameters<AgentClient['ask']>[0]) => this.#agent.ask(wish);
      await play({ recorder, linux: LINUX[family], far: FAR[family], ours: OURS[family], ask });
    } finally {
      for (const port of [40_000, 5000]) await this.#agent.ask({ do: 'end', port });
      for (const sysctl of before) await this.#namespace.exec('sysctl', '-qw', sysctl);
    }
    return recorder.stop();
  }
}
