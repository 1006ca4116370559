import type { EngineNames } from '../bridge/api.ts';
import { TunnelError } from '../core/errors.ts';
import { asciiHost } from './host-name.ts';

/** What a program says about names beside the DNS servers of the configuration. */
export interface DnsOptions {
  /**
   * Names that are known without asking, as in `/etc/hosts`, with an IP address or several; with none, the name has no
   * address. `localhost` stays what it is.
   */
  hosts?: Readonly<Record<string, string | readonly string[]>>;
  /**
   * Whether a DNS server may say that a name has an address of a private network or of this host (RFC 6890). Default true:
   * in a tunnel these are what one asks for. False keeps DNS rebinding out; a list of domains lets the names in them, and no
   * others, have such addresses. What counts is the name that was asked for, whatever it is an alias of.
   */
  allowPrivate?: boolean | readonly string[];
}

/** As the engine is told. Throws ERR_CONFIG for what is no such option; names and addresses are the engine's to check. */
export function engineNamesOf(options: DnsOptions | undefined): EngineNames | undefined {
  if (options === undefined) return undefined;
  const { hosts = {}, allowPrivate = true } = options;
  if (typeof hosts !== 'object' || hosts === null || Array.isArray(hosts))
    throw refused('dns.hosts must be an object whose keys are names and whose values are IP addresses.');
  if (typeof allowPrivate !== 'boolean' && !Array.isArray(allowPrivate))
    throw refused('dns.allowPrivate must be true, false or a list of domains.');
  return {
    hosts: Object.entries(hosts).map(([name, addresses]) => [
      asciiHost(name),
      [addresses].flat().map(String),
    ]),
    allowPrivate: typeof allowPrivate === 'boolean' ? allowPrivate : allowPrivate.map(asciiHost),
  };
}

function refused(message: string): TunnelError {
  return new TunnelError('ERR_CONFIG', message);
}
