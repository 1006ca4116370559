import { closeSync, openSync, readFileSync } from 'node:fs';

/** With more of it in use, nobody new should come. */
const MOST = 0.95;
/** Files that are no client's. */
const OWN_FILES = 100;
/** Of all files, those that connections may have that are no session. */
const STRANGERS_SHARE = 1 / 8;

/**
 * How many files this process may open, and how many UDP ports an address has, as Linux says it; elsewhere without bound.
 * Without a file left Node closes who connects and says nothing. So some are kept back, and who comes is refused in words.
 */
export class Room {
  /** Connections that are no session. Each may have a file: those of sessions are counted without them. */
  readonly strangers: number;
  readonly #files: number;
  readonly #ports: number;
  /** The system gives none, whoever has them. */
  #isSpent = false;
  #isTold = false;

  /** `strangers`: so many at most. The rest is what stands in files of Linux. */
  constructor(
    strangers: number,
    limits = textOf('/proc/self/limits'),
    range = textOf('/proc/sys/net/ipv4/ip_local_port_range'),
  ) {
    const [, files] = /^Max open files +(\d+)/m.exec(limits) ?? [];
    const [, first, last] = /^(\d+)\s+(\d+)/.exec(range) ?? [];
    this.#files = Number(files ?? Number.POSITIVE_INFINITY);
    this.#ports = Number(last ?? Number.POSITIVE_INFINITY) - Number(first ?? 0) + 1;
    this.strangers = Math.min(strangers, Math.floor(STRANGERS_SHARE * this.#files));
  }

  /** Which part of the UDP ports of so many addresses is taken. */
  portsUsed(udpSockets: number, addresses: number): number {
    return udpSockets / (addresses * this.#ports);
  }

  /** Which part of the files is taken, or kept. */
  filesUsed(sessions: number, udpSockets: number): number {
    return this.#isSpent ? 1 : (sessions + udpSockets + this.strangers + OWN_FILES) / this.#files;
  }

  /** Whether there is one for a session or a UDP socket more. */
  hasFiles(sessions: number, udpSockets: number): boolean {
    return this.filesUsed(sessions, udpSockets) < 1;
  }

  /** Whether there is hardly any left of something. */
  isScarce(sessions: number, udpSockets: number, addresses: number): boolean {
    return this.portsUsed(udpSockets, addresses) > MOST || this.filesUsed(sessions, udpSockets) > MOST;
  }

  /**
   * Called once a second. What the operator should be told: once, until there was room again. `tryFile`: throws if the
   * system gives no file.
   */
  tick(sessions: number, udpSockets: number, tryFile = openAny): string | undefined {
    let why = `this process may have ${this.#files} files open`;
    this.#isSpent = false;
    try {
      tryFile();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      this.#isSpent = code === 'EMFILE' || code === 'ENFILE';
      why = `${code}: too many open files`;
    }
    const used = this.filesUsed(sessions, udpSockets);
    const isNews = used >= 1 && !this.#isTold;
    if (isNews || used <= MOST) this.#isTold = isNews;
    return isNews ? why : undefined;
  }
}

function openAny(): void {
  closeSync(openSync('/dev/null', 'r'));
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
