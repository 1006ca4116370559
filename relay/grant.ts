import { normalizeName, parseAddress, printAddress } from './address.ts';
import type { Limits } from './config.ts';

/** WireGuard's, where none is named. */
export const DEFAULT_PORT = 51820;

/** What a token gives its bearer: never more than the configuration allows to everybody. */
export interface Grant {
  readonly subject: string;
  /** For the log. */
  readonly subjectHash: string;
  /** As `placeOf` and `aliasPlace` spell them. */
  readonly destinations: readonly string[];
  /** Of the session, in ms. */
  readonly lifetime: number | undefined;
  readonly channels: number | undefined;
  readonly datagramsPerSecond: number | undefined;
  readonly bytesPerSecond: number | undefined;
}

/** Who shares what a subject may have; never an address. */
export function partyOf({ subject }: Grant): string {
  return `=${subject}`;
}

/** One spelling for an endpoint. */
export function placeOf(host: string, port: number): string {
  const address = parseAddress(host.replace(/^\[(.*)\]$/, '$1'));
  return `${address === undefined ? (normalizeName(host) ?? '') : printAddress(address)} ${port}`;
}

/** How an alias stands among places. */
export function aliasPlace(alias: string): string {
  return `=${alias}`;
}

/** What a token may mean by a destination: `HOST:PORT` is one place; without a port it is an alias, or WireGuard's. */
export function placesOf(destination: string): string[] {
  const match = /^(.*):(\d{1,5})$/.exec(destination);
  const isAddress = parseAddress(destination) !== undefined;
  if (match && !isAddress) return [placeOf(match[1]!, Number(match[2]))];
  return [aliasPlace(destination), placeOf(destination, DEFAULT_PORT)];
}

/** The limits of a session with this grant. */
export function narrowed(limits: Readonly<Limits>, grant: Grant): Readonly<Limits> {
  const least = (limit: number, granted = limit) => Math.min(limit, granted);
  return {
    ...limits,
    channels: least(limits.channels, grant.channels),
    datagramsPerSecond: least(limits.datagramsPerSecond, grant.datagramsPerSecond),
    bytesPerSecond: least(limits.bytesPerSecond, grant.bytesPerSecond),
    sessionLifetime: least(limits.sessionLifetime, grant.lifetime),
  };
}
