// Ping: an echo request is answered if the host answers the system's own `ping`, which needs no root.
import { spawn } from 'node:child_process';
import type { ForeignPacket, ForeignVerdict } from '../../node/gateway-tunnel.ts';
import { Shares } from './shares.ts';

/** Programs at a time: in all, and for one peer's address. */
export const ECHO_LIMITS = { all: 32, each: 8 };
/** Seconds that a host has to answer. */
const PATIENCE = 4;

export interface PingCommand {
  readonly program: string;
  readonly args: readonly string[];
}

/** One ping of so many bytes, as each system's own program takes it. */
export function pingCommand(
  address: string,
  size: number,
  platform: NodeJS.Platform = process.platform,
): PingCommand {
  const isIpv6 = address.includes(':');
  const family = isIpv6 ? '-6' : '-4';
  if (platform === 'win32')
    return {
      program: 'ping',
      args: [family, '-n', '1', '-w', String(PATIENCE * 1000), '-l', String(size), address],
    };
  const common = ['-n', '-c', '1', '-s', String(size)];
  if (platform === 'darwin')
    return isIpv6
      ? { program: 'ping6', args: [...common, address] }
      : { program: 'ping', args: [...common, '-W', String(PATIENCE * 1000), address] };
  return { program: 'ping', args: [family, ...common, '-W', String(PATIENCE), address] };
}

export class EchoGate {
  readonly #shares: Shares;
  readonly #command: typeof pingCommand;
  readonly #missing: () => void;
  readonly #running = new Set<() => void>();

  /** `missing` is told when there is no such program. */
  constructor(missing: () => void, limits = ECHO_LIMITS, command = pingCommand) {
    this.#missing = missing;
    this.#shares = new Shares(limits);
    this.#command = command;
  }

  get size(): number {
    return this.#running.size;
  }

  /** Silence is no answer; the program says of itself whether there is a way at all. */
  judge(packet: ForeignPacket): ForeignVerdict {
    const share = this.#shares.take(String(packet.from.address));
    if (!share) return 'taken';
    const answer = packet.hold();
    const { program, args } = this.#command(String(packet.to.address), packet.data.length);
    const child = spawn(program, args, { stdio: 'ignore' });
    const stop = () => child.kill('SIGKILL');
    this.#running.add(stop);
    const timer = setTimeout(stop, (PATIENCE + 1) * 1000);
    let isOver = false;
    const over = (verdict: ForeignVerdict) => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      this.#running.delete(stop);
      share();
      answer(verdict);
    };
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') this.#missing();
      over('taken');
    });
    child.once('close', (code) => over(code === 0 ? 'deliver' : code === 2 ? 'unreachable' : 'taken'));
    return 'taken';
  }

  close(): void {
    for (const stop of this.#running) stop();
  }
}
