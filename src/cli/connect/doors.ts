import { type Place, printPlace } from '../places.ts';
import type { Door } from './door.ts';
import { localForward, RemoteForward } from './forwards.ts';
import { httpProxy } from './http-proxy.ts';
import type { Inside } from './inside.ts';
import type { ConnectPlan } from './plan.ts';
import { socks5Proxy } from './socks5.ts';

/** Opens all that the plan says, or rejects with one sentence and has opened nothing. */
export async function openDoors(
  inside: Inside,
  plan: ConnectPlan,
  say: (sentence: string) => void,
): Promise<{ close(): void }[]> {
  const open: { close(): void }[] = [];
  const openDoor = async (door: Door, flag: string, at: Place, what: string) => {
    open.push(door);
    say(`${what} on ${printPlace(await door.open(flag, at))}`);
  };
  try {
    for (const { listen, target } of plan.local)
      await openDoor(localForward(inside, target, say), '-L', listen, `${printPlace(target)} inside is`);
    for (const place of plan.socks5)
      await openDoor(socks5Proxy(inside, plan.login), '--socks5', place, 'SOCKS5');
    for (const place of plan.httpProxy)
      await openDoor(httpProxy(inside, plan.login), '--http-proxy', place, 'HTTP proxy');
    for (const { listen, target } of plan.remote) {
      const forward = new RemoteForward(target, say);
      open.push(forward);
      await forward.open(inside, '-R', listen);
      say(`${printPlace(target)} is on ${printPlace(listen)} inside`);
    }
    return open;
  } catch (error) {
    for (const door of open) door.close();
    throw error;
  }
}
