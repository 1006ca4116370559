import * as v from 'valibot';
import type { Session } from '../../relay/session.ts';
import type { SessionTable } from '../../relay/session-table.ts';
import { CLOSE_RESTARTING } from '../core/wire/relay.ts';

const seconds = v.pipe(v.number(), v.minValue(0));

/** How a relay sends its clients elsewhere: what is checked, with what holds where nothing is said. Times in seconds. */
export const DRAIN = v.strictObject({
  /** From when `/readyz` says no until nobody is accepted any more, so that load balancers notice. */
  delay: v.optional(seconds, 5),
  /** Clients are told to go one by one within this. */
  spread: v.optional(seconds, 60),
  /** How long a client that was told may take before it is closed. */
  notice: v.optional(seconds, 5),
  /** After this, whoever is left is cut off. */
  max: v.optional(seconds, 120),
});

/** Times in seconds. */
export type DrainOptions = {
  [Name in keyof typeof DRAIN.entries]?: v.InferInput<(typeof DRAIN.entries)[Name]>;
};
export type DrainTimes = v.InferOutput<typeof DRAIN>;

/**
 * Sends all clients elsewhere, each at a time of its own, so that whoever takes them is not stormed. Each gets a fresh ticket
 * and time to make its new connection before this one ends. Resolves when all are gone, or after `max`.
 */
export async function drainSessions(
  sessions: SessionTable,
  { spread, notice, max }: Readonly<DrainTimes>,
  random: () => number = Math.random,
): Promise<void> {
  const timers = new Set<NodeJS.Timeout>();
  const after = (seconds: number, act: () => void) => timers.add(setTimeout(act, 1000 * seconds));
  const send = (session: Session): void => {
    session.goAway(1000 * notice, 0);
    after(notice, () => session.close(CLOSE_RESTARTING, 'restarting'));
  };
  for (const session of sessions) after(random() * spread, () => send(session));
  const deadline = performance.now() + 1000 * max;
  while (sessions.size > 0 && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 50));
  for (const timer of timers) clearTimeout(timer);
}
