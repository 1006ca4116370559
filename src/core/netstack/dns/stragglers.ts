import type { DropCounters } from '../../counters.ts';
import { type Instant, type Millis, NEVER, type Pollable, SECOND } from '../../time.ts';
import type { NetStackDrop } from '../drops.ts';
import type { UdpBinding } from '../udp-binding.ts';

const KEPT_FOR: Millis = 2 * SECOND;
export const MAX_STRAGGLERS = 1024;

/**
 * Sockets of queries that are over. They stay open for a while and hear nothing, so that a late answer is not met with
 * an ICMP error, which tells servers and eavesdroppers more than they need.
 */
export class Stragglers implements Pollable {
  readonly #drops: DropCounters<NetStackDrop>;
  /** The oldest first. */
  readonly #bindings = new Map<UdpBinding, Instant>();
  readonly #heard = new Set<UdpBinding>();
  readonly #noted: () => void;

  constructor(drops: DropCounters<NetStackDrop>, noted: () => void) {
    this.#drops = drops;
    this.#noted = noted;
  }

  get size(): number {
    return this.#bindings.size;
  }

  add(binding: UdpBinding, now: Instant): void {
    binding.observer = {
      readable: () => {
        this.#heard.add(binding);
        this.#noted();
      },
      failed: () => {},
    };
    while (binding.receive()) this.#drops.count('dns-late');
    this.#bindings.set(binding, now + KEPT_FOR);
    if (this.#bindings.size > MAX_STRAGGLERS) this.#close(this.#bindings.keys().next().value!);
  }

  pollAt(): Instant {
    if (this.#heard.size > 0) return 0;
    if (this.#bindings.size === 0) return NEVER;
    const oldest = this.#bindings.values().next();
    return oldest.done ? NEVER : oldest.value;
  }

  poll(now: Instant): void {
    for (const binding of this.#heard) while (binding.receive()) this.#drops.count('dns-late');
    this.#heard.clear();
    for (const [binding, closeAt] of this.#bindings) {
      if (closeAt > now) return;
      this.#close(binding);
    }
  }

  #close(binding: UdpBinding): void {
    this.#bindings.delete(binding);
    this.#heard.delete(binding);
    binding.close();
  }
}
