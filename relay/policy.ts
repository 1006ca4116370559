import { networkInterfaces } from 'node:os';
import { CHANNEL_DENIED, CHANNEL_UNKNOWN } from '../src/core/wire/relay.ts';
import { type Address, classOf, parseAddress, printAddress } from './address.ts';
import { aliasPlace, type Grant, placeOf } from './grant.ts';
import type { Mac1 } from './mac1.ts';
import type { ResolveName } from './resolver.ts';
import { coversAddress, normalizeName, type Rule } from './rules.ts';

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
}

export interface Refusal {
  readonly code: number;
  /** What the client is told. The same for "not listed" and "listed, but leads somewhere private". */
  readonly reason: string;
  /** What only the operator is told. */
  readonly detail: string;
}

export type Decision =
  | { readonly destination: Destination }
  | { readonly refusal: Refusal }
  | { readonly pending: Promise<{ destination: Destination } | { refusal: Refusal }> };

export interface PolicyOptions {
  readonly resolve: ResolveName;
  /** Addresses of this host's interfaces. */
  readonly ownAddresses?: () => readonly string[];
  /** Ports on which the relay itself listens. */
  readonly listenPorts?: () => readonly number[];
}

/** Says where clients may send. Nothing is allowed that no rule allows. */
export class Policy {
  #rules: readonly Rule[];
  readonly #options: PolicyOptions;

  constructor(rules: readonly Rule[], options: PolicyOptions) {
    this.#rules = rules;
    this.#options = options;
  }

  /** Other rules from now on. What is open already is for whoever opened it to ask about: `permits`. */
  replace(rules: readonly Rule[]): void {
    this.#rules = rules;
  }

  /** Whether a destination that was allowed once still is. */
  permits({ address: text, port, name }: Destination): boolean {
    const address = parseAddress(text)!;
    return this.#rules.some((rule) => {
      const covers =
        name === undefined
          ? coversAddress(rule, address, port)
          : rule.kind === 'name' && rule.name === name && rule.ports.includes(port);
      return covers && this.#forbids(rule, address, port) === undefined;
    });
  }

  /**
   * The answer to OPEN. Port 0 asks for an alias. `grant`: what the client's token gives, where tokens are needed. `pinned`:
   * the address that the name had for a session that goes on, judged like an answer of the name servers.
   */
  decide(host: string, port: number, grant?: Grant, pinned?: string): Decision {
    const alias = port === 0 ? this.#rules.find((rule) => rule.alias === host) : undefined;
    const [place, placePort] = alias ? [hostOf(alias), alias.ports[0]!] : [host, port];
    const asked = port === 0 ? aliasPlace(host) : placeOf(host, port);
    if (grant !== undefined && !this.#isGranted(grant, asked, placeOf(place, placePort)))
      return denied('not granted');
    if (port === 0 && alias === undefined)
      return { refusal: { code: CHANNEL_UNKNOWN, reason: 'unknown_alias', detail: 'alias' } };
    return this.#decidePlace(place, placePort, pinned);
  }

  /** A token may name the place, or an alias of it, whichever of the two the client asks for. */
  #isGranted({ destinations }: Grant, asked: string, place: string): boolean {
    if (destinations.has(asked) || destinations.has(place)) return true;
    return this.#rules.some(
      (rule) =>
        rule.alias !== undefined &&
        destinations.has(aliasPlace(rule.alias)) &&
        placeOf(hostOf(rule), rule.ports[0]!) === place,
    );
  }

  #decidePlace(host: string, port: number, pinned: string | undefined): Decision {
    const address = parseAddress(host.replace(/^\[(.*)\]$/, '$1'));
    if (address !== undefined) return this.#decideAddress(address, port);
    const name = normalizeName(host);
    const rules = this.#rules.filter(
      (rule) => rule.kind === 'name' && rule.name === name && rule.ports.includes(port),
    );
    if (name === undefined || rules.length === 0) return denied('not listed');
    if (pinned !== undefined) return this.#judge(name, rules, port, [pinned]);
    return { pending: this.#resolve(name, rules, port) };
  }

  #decideAddress(address: Address, port: number) {
    const rules = this.#rules.filter((rule) => coversAddress(rule, address, port));
    if (rules.length === 0) return denied('not listed');
    const why = rules.map((rule) => this.#forbids(rule, address, port));
    const granting = rules.filter((_, i) => why[i] === undefined);
    if (granting.length === 0) return denied(why[0]!);
    return permitted(address, port, granting, undefined);
  }

  async #resolve(name: string, rules: readonly Rule[], port: number) {
    let answers: readonly string[];
    try {
      answers = await this.#options.resolve(name);
    } catch {
      return { refusal: { code: CHANNEL_UNKNOWN, reason: 'name_not_resolved', detail: 'dns' } };
    }
    return this.#judge(name, rules, port, answers);
  }

  /** One forbidden answer spoils the name: whoever answers for it may answer differently next time. */
  #judge(name: string, rules: readonly Rule[], port: number, answers: readonly string[]) {
    const addresses = answers.map(parseAddress);
    const granting = rules.filter((rule) =>
      addresses.every((address) => address !== undefined && this.#forbids(rule, address, port) === undefined),
    );
    if (granting.length === 0) {
      const why = addresses.map((each) => (each ? this.#forbids(rules[0]!, each, port) : 'not an address'));
      return denied(`dns_policy: ${why.find((each) => each !== undefined)}`);
    }
    const pick = addresses.find((address) => address?.kind() === 'ipv4') ?? addresses[0];
    return pick === undefined ? denied('no address') : permitted(pick, port, granting, name);
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
    return isHere && rule.kind !== 'literal' ? 'own address' : undefined;
  }
}

function hostOf(rule: Rule): string {
  if (rule.kind === 'name') return rule.name;
  return rule.kind === 'literal' ? printAddress(rule.address) : '';
}

/** `rules`: those that allow it. The most generous of them counts. */
function permitted(address: Address, port: number, rules: readonly Rule[], name: string | undefined) {
  const allowsListen = rules.some((rule) => rule.allowsListen);
  const mac1s = rules.every((rule) => rule.mac1 !== undefined) ? rules.map((rule) => rule.mac1!) : [];
  const maxSessions = Math.max(...rules.map((rule) => rule.maxSessions));
  const family = address.kind() === 'ipv4' ? 4 : 6;
  return {
    destination: {
      address: printAddress(address),
      family,
      port,
      allowsListen,
      maxSessions,
      name,
      mac1s,
    } as const,
  };
}

function denied(detail: string): { refusal: Refusal } {
  return { refusal: { code: CHANNEL_DENIED, reason: 'not_allowed', detail } };
}

function interfaceAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).flatMap((entry) => {
      const address = parseAddress(entry.address);
      return address === undefined ? [] : [printAddress(address)];
    }),
  );
}
