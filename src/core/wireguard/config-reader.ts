import { IpPrefix } from '../address.ts';
import type { InterfaceConfig, PeerSection, TunnelConfig } from './config.ts';
import { type ConfigIssue, ConfigIssues, type ConfigSeverity, mayHoldKey, quote } from './config-issue.ts';
import { KEYS } from './config-keys.ts';
import type { ConfigLine } from './config-lines.ts';
import type { Problem } from './config-values.ts';

export type Section = 'Interface' | 'Peer';

/** A section while it is read: where it began, and on which line each single-valued key was given. */
interface Draft {
  readonly line: number;
  readonly given: Map<string, number>;
}

interface PeerDraft extends Draft {
  readonly values: Omit<PeerSection, 'publicKey' | 'allowedIPs'> & { publicKey?: string };
  /** Prefix text → line. */
  readonly allowedIPs: Map<string, number>;
  /** Whether a PublicKey line was there, right or wrong. */
  named: boolean;
}

/** Keys of other programs' files that change nothing here. */
const FOREIGN_KEYS = /^(included|excluded)applications$|^(dis)?allowedapps$|^script(pre|post)?(up|down)$/;
/** AmneziaWG changes the datagrams themselves: such a peer does not speak WireGuard. */
const AMNEZIA_KEYS = /^(jc|jmin|jmax|s[1-4]|h[1-4]|i[1-5]|j[1-3]|itime)$/;

/** Takes the lines one after the other; what each key does stands in config-keys.ts. */
export class ConfigReader {
  readonly issues = new ConfigIssues();
  readonly interface: InterfaceConfig = {
    addresses: [],
    dns: [],
    searchDomains: [],
    preUp: [],
    postUp: [],
    preDown: [],
    postDown: [],
  };
  readonly addresses = new Set<string>();
  readonly #interfaceDraft: Draft = { line: 1, given: new Map() };
  readonly #peers: PeerDraft[] = [];
  readonly #remarked = new Set<string>();
  #section: Section | undefined;
  #hasInterface = false;

  get peer(): PeerDraft {
    return this.#peers[this.#peers.length - 1]!;
  }

  read(line: ConfigLine): void {
    if (line.head.startsWith('[') && line.value === undefined) this.#readSection(line);
    else this.#readKey(line);
  }

  #readSection(line: ConfigLine): void {
    const name = line.head.toLowerCase();
    if (name === '[interface]') {
      this.#section = 'Interface';
      this.#hasInterface = true;
    } else if (name === '[peer]') {
      this.#section = 'Peer';
      this.#peers.push({
        line: line.number,
        given: new Map(),
        values: {},
        allowedIPs: new Map(),
        named: false,
      });
    } else {
      this.report(
        'error',
        line,
        undefined,
        `${quote(line.head)}: unknown section; expected [Interface] or [Peer]`,
      );
    }
  }

  #readKey(line: ConfigLine): void {
    const rule = KEYS.get(line.head.toLowerCase()) ?? this.#keyBeforeValue(line);
    if (!rule) {
      this.#unknownKey(line);
      return;
    }
    const { name, section } = rule;
    const misplaced =
      this.#section === undefined
        ? `expected a section first, such as [${section}]`
        : this.#section !== section
          ? `belongs in [${section}], not in [${this.#section}]`
          : line.value === undefined
            ? `"=" missing, expected ${name} = value`
            : undefined;
    if (misplaced !== undefined) this.report('error', line, name, `${name}: ${misplaced}`);
    else rule.read(this, line);
  }

  /** The key of `ListenPort 51820`, whose "=" was forgotten. */
  #keyBeforeValue(line: ConfigLine) {
    if (line.value !== undefined) return undefined;
    const text = line.head.toLowerCase();
    for (const [name, rule] of KEYS) if (text.startsWith(name)) return rule;
    return undefined;
  }

  #unknownKey(line: ConfigLine): void {
    const key = line.head.toLowerCase();
    if (FOREIGN_KEYS.test(key)) {
      this.report('info', line, line.head, `${line.head}: of another program; ignored`);
    } else if (AMNEZIA_KEYS.test(key)) {
      const text = 'this is an AmneziaWG configuration, not WireGuard; expected one for WireGuard';
      this.report('error', line, line.head, `${line.head}: ${text}`);
    } else {
      // A stray line may be a key pasted without its name: show words only.
      const isWord = /^[a-z][a-z0-9-]{0,23}$/.test(key) && !mayHoldKey(line.head);
      const found = isWord ? `${quote(line.head)}: ` : '';
      const expected = this.#section ? `a key of [${this.#section}]` : '[Interface] or [Peer]';
      const hint = line.head.startsWith(';') ? '; comments begin with #' : invisibleHint(line.head);
      const what = line.value === undefined ? 'line' : 'key';
      this.report(
        'error',
        line,
        isWord ? line.head : undefined,
        `${found}unknown ${what}; expected ${expected}${hint}`,
      );
    }
  }

  report(
    severity: ConfigSeverity,
    at: ConfigLine,
    key: string | undefined,
    text: string,
    column = at.column,
  ): void {
    this.issues.report(severity, at.number, column, key, text);
  }

  /** An error about a value. Lists quote the element after a colon; secrets are never quoted. */
  refuse(line: ConfigLine, key: string, found: string, problem: Problem, column: number): void {
    this.report('error', line, key, `${key}${found}: ${problem.expectation}`, column);
  }

  /** Says once per key that a page cannot honour it. */
  remark(line: ConfigLine, key: string, text: string): void {
    if (this.#remarked.has(key)) return;
    this.#remarked.add(key);
    this.report('info', line, key, `${key}: ${text}`);
  }

  /** Notes that a single-valued key is given on this line; the last one wins, as in wg(8). */
  given(line: ConfigLine, key: string): void {
    const { given } = this.#section === 'Peer' ? this.peer : this.#interfaceDraft;
    const earlier = given.get(key);
    if (earlier !== undefined)
      this.report('warning', line, key, `${key}: given again; the one on line ${earlier} is not used`);
    given.set(key, line.number);
  }

  finish(): { config?: TunnelConfig; issues: ConfigIssue[] } {
    if (!this.#hasInterface)
      this.issues.report(
        'error',
        1,
        1,
        undefined,
        'no [Interface] section; expected [Interface] and a [Peer]',
      );
    for (const peer of this.#peers)
      if (!peer.named)
        this.issues.report(
          'error',
          peer.line,
          1,
          'PublicKey',
          'PublicKey: missing; expected one in every [Peer]',
        );
    if (this.issues.failed) return { issues: this.issues.inOrder() };
    const drafts = this.#mergePeers();
    this.#settlePrefixes(drafts);
    const peers = drafts.map(
      ({ values, allowedIPs }): PeerSection => ({
        ...values,
        publicKey: values.publicKey!,
        allowedIPs: [...allowedIPs.keys()],
      }),
    );
    this.interface.addresses = [...this.addresses];
    const config = { interface: this.interface, peers };
    this.#considerAll(drafts, config);
    return { config, issues: this.issues.inOrder() };
  }

  /** The same peer twice: later values win, and its AllowedIPs replace the earlier ones (`wg setconf`). */
  #mergePeers(): PeerDraft[] {
    const byKey = new Map<string, PeerDraft>();
    for (const peer of this.#peers) {
      const key = peer.values.publicKey!;
      const earlier = byKey.get(key);
      if (earlier)
        this.issues.report(
          'warning',
          peer.line,
          1,
          'PublicKey',
          `PublicKey: the same peer as on line ${earlier.line}; what is given here wins`,
        );
      byKey.set(key, earlier ? { ...peer, values: { ...earlier.values, ...peer.values } } : peer);
    }
    return [...byKey.values()];
  }

  /** A prefix routes to one peer: the last that names it (cryptokey routing, WG §2). */
  #settlePrefixes(peers: PeerDraft[]): void {
    const owners = new Map<string, PeerDraft>();
    for (const peer of peers) {
      for (const [prefix, line] of peer.allowedIPs) {
        const earlier = owners.get(prefix);
        if (earlier) {
          const text = `AllowedIPs: ${quote(prefix)}: also given to the peer on line ${earlier.line}, which loses it`;
          this.issues.report('warning', line, 1, 'AllowedIPs', text);
          earlier.allowedIPs.delete(prefix);
        }
        owners.set(prefix, peer);
      }
    }
  }

  /** What is legal but will probably not do what was meant. */
  #considerAll(drafts: PeerDraft[], config: TunnelConfig): void {
    const warn = (line: number, key: string | undefined, text: string) =>
      this.issues.report('warning', line, 1, key, text);
    const { privateKey, addresses, mtu, dns } = config.interface;
    if (privateKey === undefined)
      warn(1, 'PrivateKey', 'PrivateKey: missing in [Interface]; it must be given when the tunnel is opened');
    if (addresses.length === 0)
      warn(1, 'Address', 'Address: missing in [Interface]; without one there is no address to send from');
    if (drafts.length === 0) warn(1, undefined, 'no [Peer]: there is nobody to talk to');
    if (mtu !== undefined && mtu < 1280 && addresses.some((address) => address.includes(':')))
      warn(this.#interfaceDraft.given.get('MTU')!, 'MTU', `MTU "${mtu}": IPv6 needs at least 1280`);
    for (const { line, values, allowedIPs } of drafts) {
      if (allowedIPs.size === 0)
        warn(
          line,
          'AllowedIPs',
          'AllowedIPs: none; nothing is routed to this peer and nothing accepted from it',
        );
      if (values.endpoint === undefined)
        warn(line, 'Endpoint', 'Endpoint: missing; this peer has to call first');
    }
    this.#considerRoutes(drafts, dns, warn);
  }

  #considerRoutes(
    drafts: PeerDraft[],
    dns: string[],
    warn: (line: number, key: string, text: string) => void,
  ): void {
    const routed = new Map(drafts.flatMap(({ allowedIPs }) => [...allowedIPs]));
    const everything = routed.get('0.0.0.0/0');
    if (everything !== undefined && !routed.has('::/0'))
      warn(everything, 'AllowedIPs', 'AllowedIPs: 0.0.0.0/0 without ::/0: IPv6 is not routed');
    if (dns.length === 0) return;
    const prefixes = [...routed.keys()].map((prefix) => IpPrefix.parse(prefix)!);
    for (const server of dns) {
      const { address } = IpPrefix.parse(server)!;
      if (!prefixes.some((prefix) => prefix.contains(address)))
        warn(1, 'DNS', `DNS: ${quote(server)}: inside no peer's AllowedIPs, so it cannot be reached`);
    }
  }
}

function invisibleHint(text: string): string {
  const odd = /[^!-~]/u.exec(text)?.[0];
  if (odd === undefined) return '';
  const code = odd.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
  return ` (there is a U+${code} in this line)`;
}
