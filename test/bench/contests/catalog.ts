import type { Runtime } from '../hosts/runtime.ts';
import type { Contest } from '../race.ts';
import { aead } from './aead.ts';
import { handshake } from './handshake.ts';
import { hash } from './hash.ts';
import { scale } from './scale.ts';
import { stack } from './stack.ts';
import { tunnel } from './tunnel.ts';

/** Made when it is its turn, so that no contest pays for another's memory. */
export type Contests = Record<string, () => Contest>;

/** The suites that are races inside a host: name → what there is to race for. */
export const CATALOG: Record<string, (runtime: Runtime) => Promise<Contests>> = {
  aead,
  hash,
  handshake,
  stack,
  scale,
  tunnel,
};
