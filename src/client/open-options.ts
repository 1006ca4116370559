import { TunnelError } from '../core/errors.ts';
import type { TunnelOptions } from './tunnel.ts';

/** What must be what, where a wrong one would be noticed late and far away. */
const SHAPES = {
  token: [(value) => typeof value === 'string' || isFunction(value), 'text, or a function that gives it'],
  tls: [isFunction, 'a function'],
  logger: [isFunction, 'a function'],
  signal: [(value) => isFunction((value as Partial<AbortSignal>).throwIfAborted), 'an AbortSignal'],
  assets: [(value) => typeof value === 'object', 'an object with the URLs `worker` and `wasm`'],
  dns: [(value) => typeof value === 'object', 'an object with `hosts` or `allowPrivate`'],
} satisfies Partial<Record<keyof TunnelOptions, [isOne: (value: unknown) => boolean, shape: string]>>;

/** What `Tunnel.open` was given beside the configuration. Throws ERR_CONFIG with one sentence that names the option. */
export function checkOptions(options: TunnelOptions): void {
  if (typeof options !== 'object' || options === null)
    throw refused(
      'The options of Tunnel.open must be an object, such as { relay: "wss://relay.example/v1" }.',
    );
  for (const [name, [isOne, shape]] of Object.entries(SHAPES)) {
    const value = options[name as keyof TunnelOptions];
    if (value !== undefined && (value === null || !isOne(value)))
      throw refused(`The option \`${name}\` must be ${shape}.`);
  }
}

/** The URLs of the relays, as text. Throws ERR_CONFIG where one is needed and there is none. */
export function relaysOf({ relay }: TunnelOptions, isNeeded: boolean): string[] {
  const relays = [relay ?? []].flat().map(String);
  if (isNeeded && relays.length === 0)
    throw refused('A page cannot send UDP itself: give the URL of a relay, such as wss://relay.example/v1.');
  return relays;
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}

function refused(message: string): TunnelError {
  return new TunnelError('ERR_CONFIG', message);
}
