// --allow: where a gateway lets its peers go. What no rule covers is denied, and some addresses are even then.
import {
  type Address,
  classOf,
  endsOf,
  hasAddress,
  type Network,
  parseAddress,
  parseNetwork,
  printAddress,
} from '../../../relay/address.ts';

export type Protocol = 'tcp' | 'udp' | 'ping';

/** Of one protocol. `first` and `last` are ports, and mean nothing for ping. */
interface PortRange {
  readonly protocol: Protocol;
  readonly first: number;
  readonly last: number;
}

export interface GatewayRule {
  /** As it was written. */
  readonly text: string;
  readonly network: Network;
  /** It names this one address, and means it whatever it is. */
  readonly isLiteral: boolean;
  readonly ranges: readonly PortRange[];
}

const ALL_PORTS: readonly PortRange[] = [
  { protocol: 'tcp', first: 1, last: 65_535 },
  { protocol: 'udp', first: 1, last: 65_535 },
  { protocol: 'ping', first: 0, last: 0 },
];
const RULE = /^(?:([0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:./]*)|\[([^\]]+)\](?::(.*))?|([^:[\]]+)(?::(.*))?)$/i;
/** The shortest prefix of which all addresses are delicate: 224.0.0.0/4 and 240.0.0.0/4. */
const LEAST_KIND = 4;
const SHAPE =
  'expected ADDRESS or CIDR, then perhaps :PORTS such as 10.0.0.0/24:80,443,8000-8999,53/udp,ping (IPv6 with ports in brackets)';

/** Throws one sentence about what is wrong. */
export function readRule(text: string): GatewayRule {
  const fail = (why: string): never => {
    throw new Error(`--allow "${text}": ${why}`);
  };
  const [, bare, bracketed, bracketedPorts, plain, plainPorts] = RULE.exec(text) ?? [];
  const place = bracketed ?? plain ?? bare;
  if (place === undefined) return fail(SHAPE);
  const network = parseNetwork(place);
  if (!network) return fail(nameOrNothing(place));
  const { base, length } = network;
  const [first, last] = endsOf(network);
  if (printAddress(first) !== printAddress(base))
    return fail(`bits are set behind the prefix; ${printAddress(first)}/${length} is the network`);
  const isLiteral = printAddress(first) === printAddress(last);
  // A short prefix has all kinds of addresses, some of which it does not open.
  if (!isLiteral && length >= LEAST_KIND && isDelicate(first) && isDelicate(last))
    return fail('loopback, link-local and metadata addresses are reached only where one is named by itself');
  const ports = bracketedPorts ?? plainPorts;
  const ranges = ports === undefined ? ALL_PORTS : ports.split(',').flatMap((part) => readPorts(part, fail));
  return { text, network, isLiteral, ranges };
}

function nameOrNothing(place: string): string {
  return /^[a-z0-9.-]+$/i.test(place) && /[a-z]/i.test(place)
    ? 'a rule names addresses, for peers send to addresses; look the name up'
    : SHAPE;
}

/** `80`, `8000-8999`, either followed by `/tcp` or `/udp`, or `ping`. */
function readPorts(part: string, fail: (why: string) => never): PortRange[] {
  if (part === 'ping') return [{ protocol: 'ping', first: 0, last: 0 }];
  const [, from, to, protocol] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp))?$/.exec(part) ?? [];
  if (from === undefined) return fail(`"${part}" is no port, range of ports, or "ping"`);
  const first = Number(from);
  const last = to === undefined ? first : Number(to);
  if (first < 1 || last > 65_535 || first > last) return fail(`"${part}" is no range within 1–65535`);
  const protocols: Protocol[] = protocol === undefined ? ['tcp', 'udp'] : [protocol as Protocol];
  return protocols.map((each) => ({ protocol: each, first, last }));
}

/** Decides about addresses as they stand in packets: no name is looked up, so none can lead elsewhere meanwhile. */
export class GatewayRules {
  readonly #rules: readonly GatewayRule[];

  constructor(rules: readonly GatewayRule[]) {
    this.#rules = rules;
  }

  /** `port` means nothing for ping. */
  permits(protocol: Protocol, address: string, port: number): boolean {
    const parsed = parseAddress(address);
    if (!parsed) return false;
    const needsLiteral = isDelicate(parsed);
    return this.#rules.some(
      (rule) =>
        (rule.isLiteral || !needsLiteral) && hasAddress(rule.network, parsed) && opens(rule, protocol, port),
    );
  }
}

/** Loopback, link-local, metadata, and what no host has: also inside an IPv6 address that some translator takes apart. */
function isDelicate(address: Address): boolean {
  const kind = classOf(address);
  return kind === 'loopback' || kind === 'forbidden';
}

function opens({ ranges }: GatewayRule, protocol: Protocol, port: number): boolean {
  if (protocol === 'ping') return ranges.some((range) => range.protocol === 'ping');
  return ranges.some(({ protocol: its, first, last }) => its === protocol && port >= first && port <= last);
}
