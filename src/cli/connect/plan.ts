import { type Forward, isLoopback, type Place, readForward, readPlace } from '../places.ts';
import { Login } from './login.ts';

/** What `tabwire connect` was asked for. */
export interface ConnectPlan {
  readonly file: string;
  readonly local: readonly Forward[];
  readonly remote: readonly Forward[];
  readonly socks5: readonly Place[];
  readonly httpProxy: readonly Place[];
  readonly login: Login | undefined;
  /** Where a capture goes, and what of all packets. */
  readonly capture: { readonly file: string; readonly filter: string } | undefined;
  /** Where standard input and output lead. */
  readonly stdio: Place | undefined;
}

export interface ConnectFlags {
  local?: string[];
  remote?: string[];
  socks5?: string[];
  'http-proxy'?: string[];
  login?: string;
  capture?: string;
  'capture-filter'?: string;
  stdio?: string;
}

/** Throws one sentence about what is wrong. */
export function planOf([file, ...more]: string[], flags: ConnectFlags): ConnectPlan {
  if (file === undefined) throw new Error('name the configuration: tabwire connect FILE.conf');
  if (more.length > 0) throw new Error(`"${more[0]}" is one argument too many; --help says what there is`);
  const login = flags.login === undefined ? undefined : Login.read(flags.login);
  const proxies = (flag: string, texts: string[] = []) => texts.map((text) => proxyPlace(flag, text, login));
  const plan: ConnectPlan = {
    file,
    local: (flags.local ?? []).map((text) => readForward('-L', text, '127.0.0.1')),
    remote: (flags.remote ?? []).map((text) => readForward('-R', text, '::')),
    socks5: proxies('--socks5', flags.socks5),
    httpProxy: proxies('--http-proxy', flags['http-proxy']),
    login,
    capture:
      flags.capture === undefined
        ? undefined
        : { file: flags.capture, filter: flags['capture-filter'] ?? '' },
    stdio: flags.stdio === undefined ? undefined : readPlace('-W', flags.stdio),
  };
  const { local, remote, socks5, httpProxy, stdio } = plan;
  const doors = local.length + remote.length + socks5.length + httpProxy.length;
  if (stdio && doors > 0) throw new Error('-W stands alone: it ends with its connection');
  if (!stdio && doors === 0) throw new Error('say what for: -L, -R, --socks5, --http-proxy or -W');
  return plan;
}

/** Whoever reaches a proxy is inside the network. */
function proxyPlace(flag: string, text: string, login: Login | undefined): Place {
  const place = readPlace(flag, text);
  if (login || isLoopback(place.host)) return place;
  throw new Error(
    `${flag} ${text}: whoever reaches this address could use the tunnel; listen on 127.0.0.1, or give --login FILE`,
  );
}
