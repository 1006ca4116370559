// Runs a script against the stack, event after event, on a clock that jumps to whatever comes next.

import type { Attempt, Outcome } from './call-context.ts';
import { attemptOf } from './calls.ts';
import { AssertionFailure, runCode, type Value } from './code.ts';
import { EventClock } from './event-clock.ts';
import { Expectation } from './expectation.ts';
import { parseAddress } from './host.ts';
import { inboundPacket } from './inbound.ts';
import { Machine } from './machine.ts';
import { parseScript } from './parser.ts';
import {
  type Script,
  type ScriptCall,
  type ScriptEvent,
  ScriptFailure,
  type ScriptPacket,
  Skip,
} from './script.ts';
import { type Settings, settingsOf } from './settings.ts';
import { runCommands } from './system-commands.ts';
import { infoValue } from './tcp-info.ts';
import { numberOf } from './values.ts';

export type Result =
  | { readonly verdict: 'pass' }
  | { readonly verdict: 'fail'; readonly line: number; readonly expected: string; readonly got: string }
  | { readonly verdict: 'skip'; readonly reason: string };

export interface RunOptions {
  /** 6: a script that does not choose runs over IPv6, with 20 bytes more of MTU. */
  version?: 4 | 6;
  /** A segment that leaves and is not asked for fails the script. */
  isStrictAtEnd?: boolean;
  /** The host's clock at the start, in ms: initial sequence numbers depend on it. */
  start?: number;
  /** Added to the peer's sequence numbers. */
  remoteBase?: number;
  /** Told the first initial sequence number of ours. */
  chose?: (isn: number) => void;
}

export const DEFAULT_START = 1_000_000;

/** What became of a script. Throws for nothing a script can do. */
export function runScript(source: string, options: RunOptions = {}): Result {
  let line = 1;
  try {
    const script = parseScript(source);
    const run = new Run(script, settingsOf(script, options.version), options);
    for (const event of script.events) {
      line = event.line;
      run.perform(event);
    }
    run.finish();
    return { verdict: 'pass' };
  } catch (error) {
    if (error instanceof Skip) return { verdict: 'skip', reason: error.message };
    if (error instanceof ScriptFailure)
      return { verdict: 'fail', line: error.line, expected: error.expected, got: error.got };
    return {
      verdict: 'fail',
      line,
      expected: 'no exception',
      got: String((error as Error).stack)
        .split('\n')
        .slice(0, 3)
        .join(' '),
    };
  }
}

/** A system call that has begun. */
interface Pending {
  readonly event: ScriptEvent;
  readonly call: ScriptCall;
  readonly attempt: Attempt;
  /** When it must return, in the script's µs. */
  readonly end: number;
  readonly begun: number;
}

class Run {
  readonly #machine: Machine;
  readonly #settings: Settings;
  readonly #clock: EventClock;
  readonly #variables = new Map<string, Value>();
  readonly #isStrictAtEnd: boolean;
  #pending: Pending | undefined;
  #last: ScriptEvent | undefined;

  constructor(script: Script, settings: Settings, options: RunOptions) {
    const { start = DEFAULT_START, remoteBase = 0, isStrictAtEnd = false } = options;
    this.#settings = settings;
    this.#isStrictAtEnd = isStrictAtEnd;
    this.#machine = new Machine(settings, { start, remoteBase });
    this.#machine.flows.chose = options.chose;
    this.#clock = new EventClock(this.#machine.host, settings);
    this.#machine.host.polled = () => this.#goOn();
    this.#last = script.events[0];
  }

  perform(event: ScriptEvent): void {
    const { action } = event;
    this.#last = event;
    if (action.kind === 'outbound') {
      this.#clock.begin(event);
      new Expectation(this.#machine, this.#clock, event, action.packet).await();
      return;
    }
    if (action.kind === 'call') this.#awaitPending();
    this.#clock.goTo(event);
    switch (action.kind) {
      case 'inbound':
        this.#receive(action.packet);
        break;
      case 'call':
        this.#call(event, action.call);
        break;
      case 'command':
        this.#runCommands(action.text);
        break;
      case 'code':
        this.#runCode(event, action.text);
        break;
    }
  }

  /** The script is over: what it began must end, and, if so wished, nothing more may have left. */
  finish(): void {
    this.#awaitPending();
    const { host } = this.#machine;
    host.settle();
    const [first] = host.sent;
    if (!first || !this.#isStrictAtEnd) return;
    const got = new Expectation(this.#machine, this.#clock, this.#last!, undefined).describe(first);
    throw new ScriptFailure(this.#last!.line, 'nothing more to leave', got);
  }

  #receive(packet: ScriptPacket): void {
    if (isFastOpen(packet, this.#settings)) throw new Skip('TCP Fast Open');
    const { flows, host, listeningPort } = this.#machine;
    const flow = flows.forInbound(packet.ports, listeningPort);
    const ends = {
      source: parseAddress(this.#settings.remoteAddress),
      destination: parseAddress(this.#settings.localAddress),
    };
    host.receive(inboundPacket(packet, flow, ends));
  }

  // ---- system calls

  #call(event: ScriptEvent, call: ScriptCall): void {
    const { start } = this.#clock;
    const end = call.end === undefined ? start : start + call.end - event.time.start;
    const attempt = attemptOf({ machine: this.#machine, call, line: event.line });
    this.#pending = { event, call, attempt, end, begun: start };
    this.#goOn();
    this.#machine.host.settle();
    if (call.end !== undefined || !this.#pending) return;
    throw new ScriptFailure(event.line, event.text, 'a call that blocks');
  }

  /** Tries the pending call again. */
  #goOn(): void {
    const pending = this.#pending;
    if (!pending) return;
    const outcome = pending.attempt();
    if (outcome === 'blocked') return;
    this.#pending = undefined;
    compareOutcome(pending, outcome);
    this.#clock.checkReturn(pending.event, pending.begun, pending.end);
  }

  /** One call at a time: the next begins when it is over. */
  #awaitPending(): void {
    const pending = this.#pending;
    if (!pending) return;
    this.#clock.advanceTo(this.#clock.latest(pending.begun, pending.end), () => !this.#pending);
    if (!this.#pending) return;
    const got = 'a call that still blocks';
    throw new ScriptFailure(pending.event.line, `${pending.event.text} to return`, got);
  }

  /** What the stack was made with cannot be changed any more. */
  #runCommands(text: string): void {
    const before = JSON.stringify([...this.#settings.system]);
    runCommands(text, this.#settings);
    if (JSON.stringify([...this.#settings.system]) !== before) throw new Skip('settings that change midway');
  }

  // ---- code

  #runCode({ line }: ScriptEvent, text: string): void {
    const { connectionUnderTest, flows } = this.#machine;
    const names = (name: string): Value =>
      name === 'tcpi_advmss' && flows.current
        ? flows.current.offeredMss
        : infoValue(name, connectionUnderTest);
    try {
      runCode(text, names, this.#variables);
    } catch (error) {
      if (!(error instanceof AssertionFailure)) throw error;
      throw new ScriptFailure(line, 'the assertion to hold', error.message);
    }
  }
}

/** With bit 0x400 listeners take the text of a SYN that has a cookie, with 0x200 that of any. */
function isFastOpen({ body }: ScriptPacket, { system }: Settings): boolean {
  if (body.protocol !== 'tcp' || !body.flags.includes('S') || body.options === 'any') return false;
  const mode = Number(system.get('tcp_fastopen') ?? 0);
  const hasCookie = body.options.some(({ kind }) => kind === 'FO' || kind === 'FOEXP');
  return (mode & 0x400) !== 0 && (hasCookie || (mode & 0x200) !== 0);
}

/** Errors that the stack does not tell apart. */
const SAME_ERROR: Record<string, string[]> = {
  EHOSTUNREACH: ['ENETUNREACH', 'EACCES', 'EPROTO', 'ENOPROTOOPT', 'EOPNOTSUPP'],
};

function compareOutcome({ event, call }: Pending, { value, error }: Outcome): void {
  const got = error === undefined ? String(value) : `${value} ${error}`;
  // `= -1` alone is content with any error.
  const isRightError =
    call.error === undefined ||
    call.error === error ||
    (error !== undefined && SAME_ERROR[error]?.includes(call.error ?? ''));
  const isRightValue = call.result.kind === 'ellipsis' || numberOf(call.result) === value;
  if (!isRightValue || !isRightError) throw new ScriptFailure(event.line, event.text, got);
}
