import type { InterfaceConfig, PeerSection, TunnelConfig } from './config.ts';
import { considerConfig } from './config-advice.ts';
import { type ConfigIssue, ConfigIssues, type ConfigSeverity, mayHoldKey, quote } from './config-issue.ts';
import { KEYS } from './config-keys.ts';
import type { ConfigLine } from './config-lines.ts';
import type { Problem } from './config-values.ts';

export type Section = 'Interface' | 'Peer';

/** On which line each single-valued key of a section was given. The names are those of config-keys.ts, nobody else's. */
export type Given = Record<string, number>;

/** A [Peer] section while it is read. There may be a hundred thousand: no Map, no Set in it. */
export interface PeerDraft {
  /** Where the section began. */
  readonly line: number;
  readonly given: Given;
  readonly values: Partial<PeerSection>;
  /** In the file's order, perhaps with repetitions. */
  allowedIPs: GivenPrefix[];
  /** Whether a PublicKey line was there, right or wrong. */
  named: boolean;
}

/** A prefix in canonical text, the line where it stood, and the peer that it was given to. */
export interface GivenPrefix {
  readonly prefix: string;
  readonly line: number;
  readonly peer: PeerDraft;
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
  readonly #interfaceGiven: Given = {};
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
    this.#endSection();
    const name = line.head.toLowerCase();
    if (name === '[interface]') {
      this.#section = 'Interface';
      this.#hasInterface = true;
    } else if (name === '[peer]') {
      this.#section = 'Peer';
      this.#peers.push({
        line: line.number,
        given: {},
        values: {},
        allowedIPs: [],
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

  #endSection(): void {
    if (this.#section !== 'Peer' || this.peer.named) return;
    this.peer.named = true; // said once
    const text = 'PublicKey: missing; expected one in every [Peer]';
    this.issues.report('error', this.peer.line, 1, 'PublicKey', text);
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
    const given = this.#section === 'Peer' ? this.peer.given : this.#interfaceGiven;
    const earlier = given[key];
    if (earlier !== undefined)
      this.report('warning', line, key, `${key}: given again; the one on line ${earlier} is not used`);
    given[key] = line.number;
  }

  finish(): { config?: TunnelConfig; issues: ConfigIssue[] } {
    this.#endSection();
    if (!this.#hasInterface) {
      const text = 'no [Interface] section; expected [Interface] and a [Peer]';
      this.issues.report('error', 1, 1, undefined, text);
    }
    if (this.issues.failed) return { issues: this.issues.inOrder() };
    const drafts = this.#mergePeers();
    this.interface.addresses = [...this.addresses];
    considerConfig(this.interface, this.#interfaceGiven, drafts, this.issues);
    const peers = drafts.map(({ values, allowedIPs }) => {
      values.allowedIPs = allowedIPs.map(({ prefix }) => prefix);
      return values as PeerSection;
    });
    return { config: { interface: this.interface, peers }, issues: this.issues.inOrder() };
  }

  /**
   * Section after section, as `wg setconf` does it: where a peer is given twice, later values win and its AllowedIPs
   * replace the earlier ones; a prefix goes to the last peer that names it (cryptokey routing, WG §2).
   */
  #mergePeers(): PeerDraft[] {
    const byKey = new Map<string, PeerDraft>();
    const owners = new Map<string, GivenPrefix>();
    for (const peer of this.#peers) {
      const key = peer.values.publicKey!;
      const earlier = byKey.get(key);
      if (earlier) this.#replacePeer(earlier, peer, owners);
      byKey.set(key, peer);
      for (const given of peer.allowedIPs) this.#routePrefix(given, owners);
    }
    const peers = [...byKey.values()];
    for (const peer of peers)
      if (peer.allowedIPs.some((given) => owners.get(given.prefix) !== given))
        peer.allowedIPs = peer.allowedIPs.filter((given) => owners.get(given.prefix) === given);
    return peers;
  }

  #replacePeer(earlier: PeerDraft, peer: PeerDraft, owners: Map<string, GivenPrefix>): void {
    const text = `PublicKey: the same peer as on line ${earlier.line}; what is given here wins`;
    this.issues.report('warning', peer.line, 1, 'PublicKey', text);
    Object.assign(peer.values, { ...earlier.values, ...peer.values });
    for (const given of earlier.allowedIPs)
      if (owners.get(given.prefix) === given) owners.delete(given.prefix);
  }

  #routePrefix(given: GivenPrefix, owners: Map<string, GivenPrefix>): void {
    const { prefix, line, peer } = given;
    const earlier = owners.get(prefix);
    if (earlier?.peer === peer) return;
    owners.set(prefix, given);
    if (!earlier || this.issues.isFull) return;
    const loser = `given on line ${earlier.line} to the peer on line ${earlier.peer.line}, which loses it`;
    this.issues.report('warning', line, 1, 'AllowedIPs', `AllowedIPs: ${quote(prefix)}: also ${loser}`);
  }
}

function invisibleHint(text: string): string {
  const odd = /[^!-~]/u.exec(text)?.[0];
  if (odd === undefined) return '';
  const code = odd.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
  return ` (there is a U+${code} in this line)`;
}
