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
  type LookupCallback,
  type LookupOptions,
  lookup,
  setDefaultResultOrder,
  V4MAPPED,
} from './dns-lookup.ts';
/** Node's `dns/promises`: the same with promises. */
export * as promises from './dns-promises.ts';
export { getServers, setServers } from './dns-promises.ts';
export type { RecordTypeName, ResolverOptions } from './dns-resolver.ts';

/** c-ares's words. */
export const NODATA = 'ENODATA';
/** The server did not understand the question. */
export const FORMERR = 'EFORMERR';
/** The server failed. */
export const SERVFAIL = 'ESERVFAIL';
/** There is no such name. */
export const NOTFOUND = 'ENOTFOUND';
/** The server cannot answer such questions. */
export const NOTIMP = 'ENOTIMP';
/** The server refused. */
export const REFUSED = 'EREFUSED';
/** The question was malformed. */
export const BADQUERY = 'EBADQUERY';
/** That is no host name. */
export const BADNAME = 'EBADNAME';
/** No such address family. */
export const BADFAMILY = 'EBADFAMILY';
/** The answer was malformed. */
export const BADRESP = 'EBADRESP';
/** The tunnel is closed. */
export const CONNREFUSED = 'ECONNREFUSED';
/** Nobody answered in time. */
export const TIMEOUT = 'ETIMEOUT';
/** The end of a file. */
export const EOF = 'EOF';
/** A file could not be read. */
export const FILE = 'EFILE';
/** A bound of the engine is reached. */
export const NOMEM = 'ENOMEM';
/** The channel is being destroyed. */
export const DESTRUCTION = 'EDESTRUCTION';
/** A string is malformed. */
export const BADSTR = 'EBADSTR';
/** Flags that are none. */
export const BADFLAGS = 'EBADFLAGS';
/** The host name is not numeric. */
export const NONAME = 'ENONAME';
/** Hints that are none. */
export const BADHINTS = 'EBADHINTS';
/** The library was not initialised. */
export const NOTINITIALIZED = 'ENOTINITIALIZED';
/** The question was cancelled. */
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
  /** Records of a type, absent A, as a callback's second argument; fails with c-ares's codes. */
  readonly resolve: ReturnType<typeof called>;
  /** IPv4 addresses, with `{ ttl: true }` their TTLs in seconds. */
  readonly resolve4: ReturnType<typeof called>;
  /** IPv6 addresses, likewise. */
  readonly resolve6: ReturnType<typeof called>;
  /** All that a server gives for a name, each with its type. */
  readonly resolveAny: ReturnType<typeof called>;
  /** Who may issue certificates. */
  readonly resolveCaa: ReturnType<typeof called>;
  /** What a name is an alias of. */
  readonly resolveCname: ReturnType<typeof called>;
  /** Mail exchangers with their priorities. */
  readonly resolveMx: ReturnType<typeof called>;
  /** Rules for naming services (RFC 3403). */
  readonly resolveNaptr: ReturnType<typeof called>;
  /** Name servers. */
  readonly resolveNs: ReturnType<typeof called>;
  /** Names that a name points to. */
  readonly resolvePtr: ReturnType<typeof called>;
  /** The start of authority: one object. */
  readonly resolveSoa: ReturnType<typeof called>;
  /** Hosts and ports of a service. */
  readonly resolveSrv: ReturnType<typeof called>;
  /** Texts, each in its parts, bytes as Latin-1. */
  readonly resolveTxt: ReturnType<typeof called>;
  /** The names of an address. */
  readonly reverse: ReturnType<typeof called>;

  /** See ResolverOptions. Throws ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE. */
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

  /** Always empty: who is asked stands in the tunnel's configuration. */
  getServers(): string[] {
    return this.#promises.getServers();
  }

  /** Refused, after Node's checks: ERR_FEATURE_UNAVAILABLE_ON_PLATFORM. */
  setServers(servers: readonly string[]): void {
    this.#promises.setServers(servers);
  }
}

/** Asks the default tunnel. */
const standard = new Resolver();

/** See Resolver.resolve. */
export const resolve = standard.resolve;
/** See Resolver.resolve4. */
export const resolve4 = standard.resolve4;
/** See Resolver.resolve6. */
export const resolve6 = standard.resolve6;
/** See Resolver.resolveAny. */
export const resolveAny = standard.resolveAny;
/** See Resolver.resolveCaa. */
export const resolveCaa = standard.resolveCaa;
/** See Resolver.resolveCname. */
export const resolveCname = standard.resolveCname;
/** See Resolver.resolveMx. */
export const resolveMx = standard.resolveMx;
/** See Resolver.resolveNaptr. */
export const resolveNaptr = standard.resolveNaptr;
/** See Resolver.resolveNs. */
export const resolveNs = standard.resolveNs;
/** See Resolver.resolvePtr. */
export const resolvePtr = standard.resolvePtr;
/** See Resolver.resolveSoa. */
export const resolveSoa = standard.resolveSoa;
/** See Resolver.resolveSrv. */
export const resolveSrv = standard.resolveSrv;
/** See Resolver.resolveTxt. */
export const resolveTxt = standard.resolveTxt;
/** See Resolver.reverse. */
export const reverse = standard.reverse;

/** (address, port, (error, hostname, service)) */
export const lookupService = called(promises.lookupService, (result) => {
  const { hostname, service } = result as { hostname: string; service: string };
  return [hostname, service];
});

/** The type of `lookup`, for options that take one. */
export type Lookup = typeof lookup;

/** As of Node's: the module itself. */
export * as default from './dns.ts';
