import { readFileSync } from 'node:fs';

/** With more of it in use, nobody new should come. */
const MOST = 0.95;
/** Files that are no session's. */
const OWN_FILES = 100;

/** How many files this process may open, and how many UDP ports an address has, as Linux says it; elsewhere without bound. */
export class Room {
  readonly #files: number;
  readonly #ports: number;

  /** What stands in these files of Linux. */
  constructor(
    limits = textOf('/proc/self/limits'),
    range = textOf('/proc/sys/net/ipv4/ip_local_port_range'),
  ) {
    const [, files] = /^Max open files +(\d+)/m.exec(limits) ?? [];
    const [, first, last] = /^(\d+)\s+(\d+)/.exec(range) ?? [];
    this.#files = Number(files ?? Number.POSITIVE_INFINITY);
    this.#ports = Number(last ?? Number.POSITIVE_INFINITY) - Number(first ?? 0) + 1;
  }

  /** Which part of the UDP ports of so many addresses is taken. */
  portsUsed(channels: number, addresses: number): number {
    return channels / (addresses * this.#ports);
  }

  /** Whether there is hardly any left. Each session and each channel has a file. */
  isScarce(sessions: number, channels: number, addresses: number): boolean {
    return this.portsUsed(channels, addresses) > MOST || sessions + channels + OWN_FILES > MOST * this.#files;
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
