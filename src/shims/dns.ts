// Node's `dns` over a tunnel. `lookup` finds what the tunnel's sockets find; `resolve…` asks its DNS servers.
import type { lookup } from './dns-lookup.ts';
import * as promises from './dns-promises.ts';
import { invalidArgType } from './errors.ts';
import { nextTick } from './next-tick.ts';

export { getDefaultTunnel, setDefaultTunnel } from './default-tunnel.ts';
export {
  ADDRCONFIG,
  ALL,
  getDefaultResultOrder,
  type LookupAddress,
  type LookupOptions,
  lookup,
  setDefaultResultOrder,
  V4MAPPED,
} from './dns-lookup.ts';
export { getServers, setServers } from './dns-promises.ts';
export { promises };

/** c-ares's words. */
export const NODATA = 'ENODATA';
export const FORMERR = 'EFORMERR';
export const SERVFAIL = 'ESERVFAIL';
export const NOTFOUND = 'ENOTFOUND';
export const NOTIMP = 'ENOTIMP';
export const REFUSED = 'EREFUSED';
export const BADQUERY = 'EBADQUERY';
export const BADNAME = 'EBADNAME';
export const BADFAMILY = 'EBADFAMILY';
export const BADRESP = 'EBADRESP';
export const CONNREFUSED = 'ECONNREFUSED';
export const TIMEOUT = 'ETIMEOUT';
export const EOF = 'EOF';
export const FILE = 'EFILE';
export const NOMEM = 'ENOMEM';
export const DESTRUCTION = 'EDESTRUCTION';
export const BADSTR = 'EBADSTR';
export const BADFLAGS = 'EBADFLAGS';
export const NONAME = 'ENONAME';
export const BADHINTS = 'EBADHINTS';
export const NOTINITIALIZED = 'ENOTINITIALIZED';
export const CANCELLED = 'ECANCELLED';

type Callback = (error: Error | null, ...results: unknown[]) => void;
type Resolve = (...args: never[]) => Promise<unknown>;

/** With a callback, as the last argument, for a promise. */
function called(resolve: Resolve, spread: (result: unknown) => unknown[] = (result) => [result]) {
  return (...args: unknown[]): object => {
    const callback = args.at(-1);
    if (typeof callback !== 'function') throw invalidArgType('callback', 'of type function', callback);
    const tell = callback as Callback;
    // Mistakes of the caller are thrown, and only what becomes of the question is told.
    const given = args.slice(0, -1);
    if (typeof given[0] !== 'string') throw invalidArgType('name', 'of type string', given[0]);
    resolve(...(given as never[])).then(
      (result) => nextTick(() => tell(null, ...spread(result))),
      (error: Error) => nextTick(() => tell(error)),
    );
    return {};
  };
}

/** Node's dns.Resolver. */
export class Resolver {
  readonly #promises: promises.Resolver;
  readonly resolve: ReturnType<typeof called>;
  readonly resolve4: ReturnType<typeof called>;
  readonly resolve6: ReturnType<typeof called>;
  readonly resolveAny: ReturnType<typeof called>;
  readonly resolveCaa: ReturnType<typeof called>;
  readonly resolveCname: ReturnType<typeof called>;
  readonly resolveMx: ReturnType<typeof called>;
  readonly resolveNaptr: ReturnType<typeof called>;
  readonly resolveNs: ReturnType<typeof called>;
  readonly resolvePtr: ReturnType<typeof called>;
  readonly resolveSoa: ReturnType<typeof called>;
  readonly resolveSrv: ReturnType<typeof called>;
  readonly resolveTxt: ReturnType<typeof called>;
  readonly reverse: ReturnType<typeof called>;

  constructor(...options: ConstructorParameters<typeof promises.Resolver>) {
    const asking = new promises.Resolver(...options);
    this.#promises = asking;
    this.resolve = called(asking.resolve);
    this.resolve4 = called(asking.resolve4);
    this.resolve6 = called(asking.resolve6);
    this.resolveAny = called(asking.resolveAny);
    this.resolveCaa = called(asking.resolveCaa);
    this.resolveCname = called(asking.resolveCname);
    this.resolveMx = called(asking.resolveMx);
    this.resolveNaptr = called(asking.resolveNaptr);
    this.resolveNs = called(asking.resolveNs);
    this.resolvePtr = called(asking.resolvePtr);
    this.resolveSoa = called(asking.resolveSoa);
    this.resolveSrv = called(asking.resolveSrv);
    this.resolveTxt = called(asking.resolveTxt);
    this.reverse = called(asking.reverse);
  }

  /** All questions that are not answered yet fail with ECANCELLED. */
  cancel(): void {
    this.#promises.cancel();
  }

  getServers(): string[] {
    return this.#promises.getServers();
  }

  setServers(servers: readonly string[]): void {
    this.#promises.setServers(servers);
  }
}

export const {
  resolve,
  resolve4,
  resolve6,
  resolveAny,
  resolveCaa,
  resolveCname,
  resolveMx,
  resolveNaptr,
  resolveNs,
  resolvePtr,
  resolveSoa,
  resolveSrv,
  resolveTxt,
  reverse,
} = new Resolver();

/** (address, port, (error, hostname, service)) */
export const lookupService = called(promises.lookupService, (result) => {
  const { hostname, service } = result as { hostname: string; service: string };
  return [hostname, service];
});

export type Lookup = typeof lookup;

/** As of Node's: the module itself. */
export * as default from './dns.ts';
