// The `console` part of the relay's configuration file: what the page is told (tabwire.json), and who may get what.
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as v from 'valibot';
import { describeIssue, RelayConfigError } from '../relay-host/index.ts';
import { ANY_RELAY } from './console-files.ts';

const texts = v.array(v.string());
const amount = v.pipe(v.number(), v.integer(), v.minValue(1));
const headerName = v.pipe(v.string(), v.regex(/^[A-Za-z0-9-]+$/), v.toLowerCase());
/** Ours to serve, or somebody else's at a place of this origin. */
const place = v.pipe(v.string(), v.regex(/^\/(?!\/)/));

const GRANT = v.strictObject({
  user: v.optional(v.string()),
  group: v.optional(v.string()),
  to: v.pipe(texts, v.minLength(1)),
  session: v.optional(amount),
  channels: v.optional(amount),
});
const TOKEN = v.strictObject({
  userHeader: headerName,
  groupsHeader: v.optional(headerName),
  key: v.string(),
  kid: v.optional(v.string()),
  grants: v.pipe(v.array(GRANT), v.minLength(1)),
});
const CONSOLE = v.strictObject({
  relays: v.optional(v.pipe(texts, v.minLength(1)), ['/v1']),
  connect: v.optional(texts, []),
  login: v.optional(v.string()),
  token: v.optional(v.union([place, TOKEN])),
  enrol: v.optional(v.union([place, v.strictObject({ command: v.pipe(texts, v.minLength(1)) })])),
  policy: v.optional(
    v.strictObject({ saveKeys: v.optional(v.boolean()), otherRelays: v.optional(v.boolean()) }),
    {},
  ),
  serviceWorker: v.optional(v.boolean()),
  minimumVersion: v.optional(v.pipe(v.string(), v.regex(/^\d+(\.\d+){0,2}$/))),
});

export type TokenGrant = v.InferOutput<typeof GRANT>;

/** Who may have a token, and with what it is signed. */
export interface TokenHook {
  readonly userHeader: string;
  readonly groupsHeader: string | undefined;
  readonly key: KeyObject;
  readonly kid: string | undefined;
  readonly audience: string | undefined;
  readonly issuer: string | undefined;
  readonly grants: readonly TokenGrant[];
}

export interface ConsoleSettings {
  /** What /tabwire.json says. */
  readonly page: object;
  /** Sources of `connect-src` besides 'self'. */
  readonly connect: readonly string[];
  readonly token: TokenHook | undefined;
  /** Prints the configuration of whoever has this public key. */
  readonly enrolCommand: readonly string[] | undefined;
}

export const TOKEN_PATH = '/tabwire/token';
export const ENROL_PATH = '/tabwire/enrol';

/** What the relay beside it demands of tokens, and where files lie that settings name. */
export interface Surroundings {
  readonly folder: string;
  readonly origins: readonly string[];
  readonly audience?: string | undefined;
  readonly issuer?: string | undefined;
}

/** Throws RelayConfigError: one sentence, which never says what a key file holds. */
export function readConsoleSettings(value: unknown, around: Surroundings): ConsoleSettings {
  const parsed = v.safeParse(CONSOLE, value);
  if (!parsed.success) throw new RelayConfigError(`console.${describeIssue(parsed.issues[0])}`);
  const { relays, connect, login, token, enrol, policy, serviceWorker, minimumVersion } = parsed.output;
  if (typeof enrol === 'object' && typeof token !== 'object')
    throw new RelayConfigError('console.enrol: a command needs console.token, which says who is asking');
  const { saveKeys = true, otherRelays = false } = policy;
  return {
    page: {
      relay: relays,
      ...(login !== undefined && { login }),
      ...(token !== undefined && { token: typeof token === 'string' ? token : TOKEN_PATH }),
      ...(enrol !== undefined && { enrol: typeof enrol === 'string' ? enrol : ENROL_PATH }),
      policy: { saveKeys, otherRelays },
      ...(serviceWorker !== undefined && { serviceWorker }),
      ...(minimumVersion !== undefined && { minimumVersion }),
    },
    connect: otherRelays
      ? ANY_RELAY
      : [...new Set([...relays, ...connect].flatMap((url) => sourcesOf(url, around)))],
    token: typeof token === 'object' ? readTokenHook(token, around) : undefined,
    enrolCommand: typeof enrol === 'object' ? enrol.command : undefined,
  };
}

/**
 * A WebSocket's URL, and the same place by HTTP, where the page asks why it was refused. Not every browser takes 'self' to
 * mean this origin's WebSockets as well.
 */
function sourcesOf(text: string, { origins }: Surroundings): string[] {
  if (text.startsWith('/'))
    return origins.filter((origin) => !origin.includes('*')).map((origin) => origin.replace(/^http/i, 'ws'));
  let url: URL;
  try {
    url = new URL(text.replace(/^wstunnel\+/i, ''));
  } catch {
    throw new RelayConfigError(`console: "${text}" is no address such as wss://relay.example.com/v1`);
  }
  if (!/^(ws|http)s?:$/.test(url.protocol) || /[;,\s]/.test(url.host))
    throw new RelayConfigError(`console: "${text}" is no address such as wss://relay.example.com/v1`);
  const isSecure = url.protocol.endsWith('s:');
  return (isSecure ? ['wss', 'https'] : ['ws', 'http']).map((scheme) => `${scheme}://${url.host}`);
}

function readTokenHook({ key, ...rest }: v.InferOutput<typeof TOKEN>, around: Surroundings): TokenHook {
  for (const [i, { user, group }] of rest.grants.entries())
    if ((user === undefined) === (group === undefined))
      throw new RelayConfigError(`console.token.grants.${i}: name a user, or a group`);
  const { audience, issuer } = around;
  return {
    ...rest,
    groupsHeader: rest.groupsHeader,
    kid: rest.kid,
    key: readKey(key, around.folder),
    audience,
    issuer,
  };
}

function readKey(file: string, folder: string): KeyObject {
  try {
    const key = createPrivateKey(readFileSync(resolve(folder, file), 'utf8'));
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Said below: what the file holds is not shown.
  }
  throw new RelayConfigError(`console.token.key: ${file} is no readable Ed25519 private key (PEM)`);
}
