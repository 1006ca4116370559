// npx tsx test/model/broken-rules.ts [N]: does the model test notice when a rule is broken? Breaks one after the other
// in a copy of the sources, and runs it with up to so many histories (500 if N is absent) on each.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface BrokenRule {
  rule: string;
  file: string;
  /** What is there once, and what is put in its place. */
  is: string;
  becomes: string;
}

const RULES: readonly BrokenRule[] = [
  {
    rule: 'the responder sends before it is confirmed',
    file: 'keypair.ts',
    is: 'this.next = keypair;',
    becomes: 'this.current = keypair;',
  },
  {
    rule: 'the previous session outlives a response',
    file: 'keypair.ts',
    is: 'this.previous = undefined;\n    this.next = keypair;\n    this.#drop(previous);',
    becomes: 'this.next = keypair;',
  },
  {
    rule: 'a next session that is replaced keeps its index and keys',
    file: 'keypair.ts',
    is: 'this.#drop(previous);\n    this.#drop(next);\n  }\n\n  /** An authentic',
    becomes: 'this.#drop(previous);\n  }\n\n  /** An authentic',
  },
  {
    rule: 'an old session takes over again',
    file: 'keypair.ts',
    is: 'if (keypair !== this.next) return false;',
    becomes: 'if (keypair === this.current) return false;',
  },
  {
    rule: 'the responder renews at 120 s too',
    file: 'keypair.ts',
    is: 'manySent || (this.isInitiator && ',
    becomes: 'manySent || (',
  },
  {
    rule: 'a session still sends when it is 180 s old',
    file: 'keypair.ts',
    is: 'this.age(now) < REJECT_AFTER_TIME',
    becomes: 'this.age(now) <= REJECT_AFTER_TIME',
  },
  {
    rule: 'a session receives for less than 180 s',
    file: 'keypair.ts',
    is: 'this.age(now) <= REJECT_AFTER_TIME',
    becomes: 'this.age(now) < REJECT_AFTER_TIME',
  },
  {
    rule: 'a nonce is used twice',
    file: 'transport.ts',
    is: 'keypair.countSent();',
    becomes: 'if (counterLow !== 3) keypair.countSent();',
  },
  {
    rule: 'a forged packet moves the endpoint',
    file: 'peer.ts',
    is: '      this.refuse(drop);\n      return;\n    }\n    // From here',
    becomes: '      this.#roam(from);\n      this.refuse(drop);\n      return;\n    }\n    // From here',
  },
  {
    rule: 'the inner source may belong to another peer',
    file: 'peer.ts',
    is: 'version) !== this)',
    becomes: 'version) === undefined)',
  },
  {
    rule: 'the initiator does not say that it has the session',
    file: 'peer.ts',
    is: '    this.sendKeepalive(now);\n    return undefined;',
    becomes: '    return undefined;',
  },
  {
    rule: 'receiving late renews the session again and again',
    file: 'peer.ts',
    is: 'this.#renewedOnReceive = true;',
    becomes: '',
  },
  {
    rule: 'after a move nobody is told',
    file: 'peer.ts',
    is: 'if (this.#keypairs.current?.canSend(now)) this.sendKeepalive(now);',
    becomes: 'if (this.#keypairs.current?.canSend(now)) return;',
  },
  {
    rule: 'the replay window is one too narrow',
    file: 'replay.ts',
    is: '> WINDOW',
    becomes: '>= WINDOW',
  },
  {
    rule: 'words of the replay window are not cleared',
    file: 'replay.ts',
    is: 'i <= entered',
    becomes: 'i < entered',
  },
  {
    rule: 'a retransmission that is held back is forgotten',
    file: 'timers.ts',
    is: 'this.#retransmitHandshakeAt = this.#armed(allowedAt + this.#jitter.next());',
    becomes: 'void allowedAt;',
  },
  {
    rule: 'the initiator does not zero keys',
    file: 'timers.ts',
    is: 'this.#zeroKeysAt = this.#armed(now + ZERO_KEYS_TIME);\n    this.sessionConfirmed(now);',
    becomes: 'this.sessionConfirmed(now);',
  },
  {
    rule: 'a keepalive does not count as an answer',
    file: 'timers.ts',
    is: 'keepaliveReceived(now: Instant): void {\n    this.#newHandshakeAt = NEVER;',
    becomes: 'keepaliveReceived(now: Instant): void {',
  },
  {
    rule: 'data of our own does not cancel the keepalive',
    file: 'timers.ts',
    is: 'dataSent(now: Instant): void {\n    this.#sendKeepaliveAt = NEVER;',
    becomes: 'dataSent(now: Instant): void {',
  },
  {
    rule: 'later unanswered data puts the new handshake off',
    file: 'timers.ts',
    is: 'if (this.#newHandshakeAt === NEVER) {',
    becomes: 'if (this.#newHandshakeAt > 0) {',
  },
  {
    rule: 'twenty-one initiations before giving up',
    file: 'timers.ts',
    is: 'this.#attempts >= MAX_RETRANSMISSIONS',
    becomes: 'this.#attempts > MAX_RETRANSMISSIONS',
  },
  {
    rule: 'timestamps may repeat',
    file: 'tai64n.ts',
    is: 'const next = nanoseconds + STEP_NANOSECONDS;',
    becomes: 'const next = nanoseconds;',
  },
  {
    rule: 'an initiation may be replayed',
    file: 'tai64n.ts',
    is: 'return a[i]! > b[i]!;\n  return false;',
    becomes: 'return a[i]! > b[i]!;\n  return true;',
  },
  {
    rule: 'exactly 20 ms apart is no flood',
    file: 'handshake-slot.ts',
    is: 'this.#lastReceived <= INITIATION_INTERVAL',
    becomes: 'this.#lastReceived < INITIATION_INTERVAL',
  },
  {
    rule: 'who answers keeps its own initiation in flight',
    file: 'handshake-slot.ts',
    is: 'this.#deference = this.#inFlight ? this.#host.jitter.next() : 0;\n    this.drop();',
    becomes: 'this.#deference = this.#inFlight ? this.#host.jitter.next() : 0;',
  },
  {
    rule: 'initiations may cross for ever',
    file: 'handshake-slot.ts',
    is: 'this.#deference = this.#inFlight ? this.#host.jitter.next() : 0;',
    becomes: 'this.#deference = 0;',
  },
  {
    rule: 'a cookie is used for 120 s',
    file: 'constants.ts',
    is: 'COOKIE_LIFETIME: Millis = 115 * SECOND',
    becomes: 'COOKIE_LIFETIME: Millis = 120 * SECOND',
  },
  {
    rule: 'one sent message admits many cookies',
    file: 'cookie.ts',
    is: 'this.#receivedAt = now;\n    this.#lastMac1 = undefined;',
    becomes: 'this.#receivedAt = now;',
  },
  {
    rule: 'the newest staged packet goes, not the oldest',
    file: 'staged-packets.ts',
    is: 'this.release(this.shift()!);\n      lost = 1;',
    becomes: 'return 1;',
  },
  {
    rule: 'an index may be given out twice',
    file: 'index-table.ts',
    is: 'if (index === 0 || this.#entries.has(index | 0)) continue;',
    becomes: '',
  },
  {
    rule: 'mac2 is not asked for under load',
    file: 'handshake-gate.ts',
    is: 'if (!this.#load.isHigh(waiting, now)) return undefined;',
    becomes: 'if (!this.#load.isHigh(waiting, now) || now > 0) return undefined;',
  },
  {
    rule: 'what happened while a static key was asked is not looked at',
    file: 'handshake-inbox.ts',
    is: 'const peer = indices.get(index)?.peer;\n      if (!peer?.awaitsResponse(index))',
    becomes: 'const peer = indices.get(index)?.peer;\n      if (!peer)',
  },
  {
    rule: 'under another key the old sessions go on sending',
    file: 'peer.ts',
    is: 'this.#keypairs.endSending();',
    becomes: '',
  },
];

const sequences = process.argv[2] ?? '500';
const root = fileURLToPath(new URL('../..', import.meta.url));
const copy = mkdtempSync(join(tmpdir(), 'tabwire-rules-'));
let unnoticed = 0;
try {
  for (const part of ['src', 'test/model', 'test/support', 'assembly/tabwire.wasm', 'package.json'])
    cpSync(join(root, part), join(copy, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  for (const broken of RULES) if (!isNoticed(broken)) unnoticed++;
} finally {
  rmSync(copy, { recursive: true });
}
console.log(`model: ${RULES.length - unnoticed} of ${RULES.length} broken rules are noticed`);
process.exit(unnoticed === 0 ? 0 : 1);

function isNoticed({ rule, file, is, becomes }: BrokenRule): boolean {
  const path = join(copy, 'src/core/wireguard', file);
  const source = readFileSync(path, 'utf8');
  if (source.split(is).length !== 2) {
    console.log(`?        ${rule}: ${file} does not have it once`);
    return false;
  }
  writeFileSync(
    path,
    source.replace(is, () => becomes),
  );
  const main = ['test/model/main.ts', '--sequences', sequences];
  const { status, stderr } = spawnSync('npx', ['tsx', ...main], { cwd: copy, encoding: 'utf8' });
  writeFileSync(path, source);
  const how = stderr.split('\n').find((line) => line.startsWith('seed')) ?? '';
  console.log(status === 1 ? `noticed  ${rule}: ${how}` : `MISSED   ${rule}`);
  return status === 1;
}
