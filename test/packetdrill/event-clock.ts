// The script's time, in microseconds since its start, over the host's.
import type { Host } from './host.ts';
import { type ScriptEvent, ScriptFailure } from './script.ts';
import type { Settings } from './settings.ts';

export class EventClock {
  readonly #host: Host;
  readonly #settings: Settings;
  readonly #zero: number;
  /** When the event in hand is due. */
  start = 0;
  /** The end of its range; the same as `start` where it has none. */
  end = 0;
  #isAnyTime = false;
  /** When the event before was due, and what relative times count from. */
  #previous = 0;

  constructor(host: Host, settings: Settings) {
    this.#host = host;
    this.#settings = settings;
    this.#zero = host.now;
  }

  get now(): number {
    return this.toScript(this.#host.now);
  }

  toScript(hostTime: number): number {
    return Math.round((hostTime - this.#zero) * 1000);
  }

  /** Takes up an event: relative times count from now, the moment at which the one before was done. */
  begin({ time }: ScriptEvent): void {
    this.#previous = this.start;
    const base = time.kind === 'absolute' ? 0 : this.now;
    this.#isAnyTime = time.kind === 'any';
    this.start = base + time.start;
    this.end = base + (time.end ?? time.start);
  }

  /** Takes up an event and lets time pass until it is due. */
  goTo(event: ScriptEvent): void {
    this.begin(event);
    if (this.now > this.start + this.#tolerance(this.#previous)) {
      const got = `it to be ${seconds(this.now)} already`;
      throw new ScriptFailure(event.line, `the event at ${seconds(this.start)}`, got);
    }
    this.advanceTo(this.start);
  }

  /** Lets time pass until `moment` in the script's µs, or until it is enough. */
  advanceTo(moment: number, enough?: () => boolean): void {
    this.#host.advance(this.#zero + moment / 1000, enough);
  }

  /** The last moment at which a packet that the event in hand asks for may leave. */
  get patience(): number {
    return this.#isAnyTime ? Number.POSITIVE_INFINITY : this.end + this.#tolerance(this.#previous);
  }

  /** Whether something that left at the host's time did so when the event in hand wants it. */
  isInTime(hostTime: number): boolean {
    if (this.#isAnyTime) return true;
    const moment = this.toScript(hostTime);
    const tolerance = this.#tolerance(this.#previous);
    return moment >= this.start - tolerance && moment <= this.end + tolerance;
  }

  describeTime(): string {
    if (this.#isAnyTime) return 'at any time';
    return this.start === this.end
      ? `at ${seconds(this.start)}`
      : `between ${seconds(this.start)} and ${seconds(this.end)}`;
  }

  /** The last moment at which a call that began at `begun` may return. */
  latest(begun: number, end: number): number {
    return end + this.#toleranceOf(end - begun);
  }

  /** Checks when a call returns. */
  checkReturn(event: ScriptEvent, begun: number, end: number): void {
    if (Math.abs(this.now - end) <= this.#toleranceOf(end - begun)) return;
    throw new ScriptFailure(event.line, `${event.text} to return at ${seconds(end)}`, seconds(this.now));
  }

  #tolerance(previous: number): number {
    return this.#toleranceOf(this.start - previous);
  }

  #toleranceOf(span: number): number {
    const { tolerance, tolerancePercent } = this.#settings;
    return Math.max(tolerance, (span * tolerancePercent) / 100);
  }
}

export function seconds(microseconds: number): string {
  return `${(microseconds / 1e6).toFixed(6)} s`;
}
