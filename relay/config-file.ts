import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import * as v from 'valibot';
import { DEFAULT_LIMITS, type Limits, type RelayOptions } from './config.ts';
import { RelayConfigError } from './config-error.ts';
import type { AllowRule } from './rules.ts';
import type { TicketOptions } from './tickets.ts';
import type { TokenOptions } from './tokens.ts';

const texts = v.array(v.string());
const flag = v.boolean();
const count = v.pipe(v.number(), v.minValue(0));

const RULE = v.strictObject({
  host: v.optional(v.string()),
  cidr: v.optional(v.string()),
  ports: v.optional(v.array(v.number())),
  alias: v.optional(v.string()),
  private: v.optional(flag),
  unusualPort: v.optional(flag),
  publicKey: v.optional(v.string()),
  listen: v.optional(flag),
});

const AUTH = v.strictObject({
  keys: v.array(
    v.strictObject({
      alg: v.picklist(['EdDSA', 'HS256']),
      /** EdDSA: PEM. HS256: the secret, without the newline at its end. */
      file: v.string(),
      kid: v.optional(v.string()),
    }),
  ),
  audience: v.optional(v.string()),
  issuer: v.optional(v.string()),
  once: v.optional(flag),
  /** A subject a line; empty lines and lines that begin with # do not count. */
  denyFile: v.optional(v.string()),
});

const TICKETS = v.strictObject({
  /** 32 random bytes or more each. */
  keyFiles: v.optional(v.array(v.string())),
  ttl: v.optional(count),
  park: v.optional(count),
});

const DRAIN = v.strictObject({
  delay: v.optional(count),
  spread: v.optional(count),
  notice: v.optional(count),
  max: v.optional(count),
});

const LIMITS = v.strictObject(
  Object.fromEntries(Object.keys(DEFAULT_LIMITS).map((name) => [name, v.optional(count)])),
);

const FILE = v.strictObject({
  listen: v.optional(v.string()),
  admin: v.optional(v.string()),
  path: v.optional(v.string()),
  origins: v.optional(texts),
  allowNoOrigin: v.optional(flag),
  trustedProxies: v.optional(texts),
  allow: v.optional(v.array(v.union([v.string(), RULE]))),
  unusualPorts: v.optional(flag),
  auth: v.optional(AUTH),
  tickets: v.optional(TICKETS),
  drain: v.optional(DRAIN),
  limits: v.optional(LIMITS),
  /** Not the relay's: whoever serves the console checks it. */
  console: v.optional(v.unknown()),
});

/**
 * What a configuration file (JSON) says, with the files that it names read. They lie beside it, unless their paths are
 * absolute. Throws RelayConfigError: one sentence, which names the file and the place in it, and never what a key file holds.
 */
export function readConfigFile(path: string): Partial<RelayOptions> & { console?: unknown } {
  const fail = (why: string): never => {
    throw new RelayConfigError(`${path}: ${why}`);
  };
  const readBytes = (name: string, where: string): Buffer => {
    try {
      return readFileSync(resolve(dirname(path), name));
    } catch (error) {
      return fail(`${where}cannot read ${name} (${(error as NodeJS.ErrnoException).code})`);
    }
  };
  const read = (name: string, where: string): string => readBytes(name, where).toString();
  let json: unknown;
  try {
    json = JSON.parse(read(resolve(path), ''));
  } catch (error) {
    if (error instanceof RelayConfigError) throw error;
    return fail('not JSON');
  }
  if (Array.isArray(json)) return fail('expected Object, not Array');
  const file = v.safeParse(FILE, json);
  if (!file.success) return fail(describeIssue(file.issues[0]));
  const { auth, allow, limits, tickets, ...rest } = file.output;
  return {
    ...(rest as Partial<RelayOptions>),
    ...(allow && { allow: allow as (string | AllowRule)[] }),
    ...(limits && { limits: limits as Partial<Limits> }),
    ...(auth && { auth: readAuth(auth, read) }),
    ...(tickets && { tickets: readTickets(tickets, readBytes) }),
  };
}

function readAuth(
  { keys, denyFile, ...rest }: v.InferOutput<typeof AUTH>,
  read: (name: string, where: string) => string,
): TokenOptions {
  const lines = denyFile === undefined ? [] : read(denyFile, 'auth.denyFile: ').split(/\r?\n/);
  const options = {
    ...rest,
    keys: keys.map(({ file, ...key }, i) => {
      const text = read(file, `auth.keys.${i}.file: `);
      return { ...key, key: key.alg === 'HS256' ? text.replace(/\r?\n$/, '') : text };
    }),
    deny: lines.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#')),
  };
  return options as TokenOptions;
}

function readTickets(
  { keyFiles, ...rest }: v.InferOutput<typeof TICKETS>,
  read: (name: string, where: string) => Uint8Array,
): TicketOptions {
  const keys = keyFiles?.map((file, i) => read(file, `tickets.keyFiles.${i}: `));
  return { ...(rest as TicketOptions), ...(keys && { keys }) };
}

/** `allow.1.ports: expected array, not "51820"`. */
export function describeIssue(issue: v.BaseIssue<unknown>): string {
  const place = issue.path?.map(({ key }) => String(key)).join('.') ?? '';
  const colon = place === '' ? '' : `${place}: `;
  if (issue.expected === 'never') return `${colon}there is no such setting`;
  return `${colon}expected ${issue.expected}, not ${issue.received}`;
}
