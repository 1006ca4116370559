import { networkInterfaces } from 'node:os';
import { CHANNEL_DENIED, CHANNEL_UNKNOWN } from '../src/core/wire/relay.ts';
import { type Address, classOf, hasAddress, normalizeName, parseAddress, printAddress } from './address.ts';
import { aliasPlace, type Grant, placeOf } from './grant.ts';
import type { Mac1 } from './mac1.ts';
import type { Rule, Shape } from './rule.ts';

/** Where a channel goes, for its whole life: names are resolved once and never again. */
export interface Destination {
  readonly address: string;
  readonly family: 4 | 6;
  readonly port: number;
  /** By which it was asked for; undefined where the address itself was. */
  readonly name: string | undefined;
  /** Handshakes to it must match one of these, if there are any. */
  readonly mac1s: readonly Mac1[];
  /** Whether a rule lets the endpoint call first. */
  readonly allowsListen: boolean;
  /** So many channels may lead there at a time. */
  readonly maxSessions: number;
  /** What may pass. */
  readonly shape: Shape;
}

export interface Refusal {
  readonly code: number;
  /** What the client is told. The same for "not listed" and "listed, but leads somewhere private". */
  readonly reason: string;
  /** What only the operator is told. */
  readonly detail: string;
}

/** What is known at once. */
export type Verdict = { readonly destination: Destination } | { readonly refusal: Refusal };
export type Decision = Verdict | { readonly pending: Promise<Verdict> };

/** Every address of a name, IPv4 and IPv6, as text. Rejects when there is none. What it says is not believed. */
export type ResolveName = (name: string) => Promise<readonly string[]>;

export interface PolicyOptions {
  readonly resolve: ResolveName;
  /** Addresses of this host's interfaces. */
  readonly ownAddresses?: () => readonly string[];
  /** Ports on which the relay itself listens. */
  readonly listenPorts?: () => readonly number[];
}

/** Says where clients may send. Nothing is allowed that no rule allows. */
export class Policy {
  /** May be replaced by others. What is open already is for whoever opened it to ask about: `review`. */
  rules: readonly Rule[];
  readonly #options: PolicyOptions;

  constructor(rules: readonly Rule[], options: PolicyOptions) {
    this.rules = rules;
    this.#options = options;
  }

  /**
   * The answer to OPEN. Port 0 asks for an alias. `grant`: what the client's token gives, where tokens are needed. `pinned`:
   * the address that the name had for a session that goes on, judged like an answer of the name servers.
   */
  decide(host: string, port: number, grant?: Grant, pinned?: string): Decision {
    const alias = this.#aliased(host, port);
    const [place, placePort] = alias ?? [host, port];
    const asked = port === 0 ? aliasPlace(host) : placeOf(host, port);
    if (grant !== undefined && !this.#isGranted(grant, asked, this.meant(host, port)))
      return denied('not granted');
    if (port === 0 && alias === undefined) return unknown('unknown_alias', 'alias');
    const { address, name, rules } = this.#covering(place, placePort);
    if (rules.length === 0) return denied('not listed');
    if (name !== undefined && pinned === undefined) return { pending: this.#resolve(name, placePort) };
    return this.#judge(place, placePort, [address ?? parseAddress(pinned!)]);
  }

  /** The place that is asked for, in one spelling, whatever an alias meant before. */
  meant(host: string, port: number): string {
    return placeOf(...(this.#aliased(host, port) ?? [host, port]));
  }

  #aliased(host: string, port: number): [host: string, port: number] | undefined {
    const rule = port === 0 ? this.rules.find(({ alias }) => alias === host) : undefined;
    return rule && [hostOf(rule), rule.ports[0]!];
  }

  /** What the rules say now of a destination that was allowed once. */
  review({ address, port, name }: Destination): Verdict {
    return this.#judge(name ?? address, port, [parseAddress(address)]);
  }

  /** A token may name the place, or an alias of it, whichever of the two the client asks for. */
  #isGranted({ destinations }: Grant, asked: string, place: string): boolean {
    if (destinations.includes(asked) || destinations.includes(place)) return true;
    const isNamed = ({ alias }: Rule) => alias !== undefined && destinations.includes(aliasPlace(alias));
    return this.rules.some((rule) => isNamed(rule) && placeOf(hostOf(rule), rule.ports[0]!) === place);
  }

  /** The rules for what a client asks for; whether the class of its address may be reached is another question. */
  #covering(host: string, port: number) {
    const address = parseAddress(host.replace(/^\[(.*)\]$/, '$1'));
    const name = address === undefined ? normalizeName(host) : undefined;
    const covers = (rule: Rule): boolean => {
      if (address === undefined) return name !== undefined && rule.name === name;
      return rule.network !== undefined && hasAddress(rule.network, address);
    };
    const rules = this.rules.filter((rule) => rule.ports.includes(port) && covers(rule));
    return { address, name, rules };
  }

  async #resolve(name: string, port: number): Promise<Verdict> {
    let answers: readonly string[];
    try {
      answers = await this.#options.resolve(name);
    } catch {
      return unknown('name_not_resolved', 'dns');
    }
    return this.#judge(name, port, answers.map(parseAddress));
  }

  /**
   * By the rules that hold now, which may be others than before a name was looked up. One forbidden answer spoils the name:
   * whoever answers for it may answer differently next time.
   */
  #judge(host: string, port: number, addresses: readonly (Address | undefined)[]): Verdict {
    const { rules, name } = this.#covering(host, port);
    const against = rules.map((rule) => {
      const why = addresses.map((each) => (each ? this.#forbids(rule, each, port) : 'not an address'));
      return why.find((reason) => reason !== undefined);
    });
    const granting = rules.filter((_, i) => against[i] === undefined);
    if (granting.length === 0) {
      const [why] = against;
      if (why === undefined) return denied('not listed');
      return denied(name === undefined ? why : `dns_policy: ${why}`);
    }
    const pick = addresses.find((address) => address?.kind() === 'ipv4') ?? addresses[0];
    if (pick === undefined) return denied('no address');
    return { destination: destinationOf(pick, port, name, granting) };
  }

  /** Why the rule, which covers this address and port, does not reach it; undefined if it does. */
  #forbids(rule: Rule, address: Address, port: number): string | undefined {
    const kind = classOf(address);
    if (kind === 'forbidden') return 'forbidden address';
    // Before what takes time: who asks must not learn from a clock that the name is known.
    if (kind === 'private' && !rule.allowsPrivate) return 'private address';
    const isOwn = (this.#options.ownAddresses ?? interfaceAddresses)().includes(printAddress(address));
    const isHere = kind === 'loopback' || isOwn;
    if (isHere && (this.#options.listenPorts?.() ?? []).includes(port)) return 'own listener';
    return isHere && !rule.isLiteral ? 'own address' : undefined;
  }
}

/** Of a rule with an alias. */
function hostOf({ name, network }: Rule): string {
  return name ?? printAddress(network!.base);
}

/** `rules`: those that allow it. The most generous of them counts. */
function destinationOf(
  address: Address,
  port: number,
  name: string | undefined,
  rules: readonly Rule[],
): Destination {
  const has = (shape: Shape) => rules.some((rule) => rule.shape === shape);
  return {
    address: printAddress(address),
    family: address.kind() === 'ipv4' ? 4 : 6,
    port,
    name,
    mac1s: rules.every((rule) => rule.mac1 !== undefined) ? rules.map((rule) => rule.mac1!) : [],
    allowsListen: rules.some((rule) => rule.allowsListen),
    maxSessions: Math.max(...rules.map((rule) => rule.maxSessions)),
    shape: has('off') ? 'off' : has('sized') ? 'sized' : 'wireguard',
  };
}

function denied(detail: string): { refusal: Refusal } {
  return { refusal: { code: CHANNEL_DENIED, reason: 'not_allowed', detail } };
}

function unknown(reason: string, detail: string): { refusal: Refusal } {
  return { refusal: { code: CHANNEL_UNKNOWN, reason, detail } };
}

function interfaceAddresses(): readonly string[] {
  const entries = Object.values(networkInterfaces()).flatMap((list = []) => list);
  return entries.flatMap(({ address }) => parseAddress(address) ?? []).map(printAddress);
}
