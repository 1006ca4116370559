import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import * as v from 'valibot';
import {
  DRAIN,
  describeIssue,
  LIMITS,
  RelayConfigError,
  type RelayOptions,
  RULE,
  type TicketOptions,
  type TokenOptions,
} from '../relay-host/index.ts';
import { reasonOf } from './system-error.ts';

const text = v.optional(v.string());
const texts = v.optional(v.array(v.string()));
const flag = v.optional(v.boolean());
const count = v.optional(v.pipe(v.number(), v.minValue(0)));

const AUTH = v.strictObject({
  keys: v.array(
    v.strictObject({
      alg: v.picklist(['EdDSA', 'HS256']),
      /** EdDSA: PEM. HS256: the secret, without the newline at its end. */
      file: v.string(),
      kid: text,
    }),
  ),
  audience: text,
  issuer: text,
  once: flag,
  /** A subject a line; empty lines and lines that begin with # do not count. */
  denyFile: text,
});

const TICKETS = v.strictObject({
  /** 32 random bytes or more each. */
  keyFiles: texts,
  ttl: count,
  park: count,
});

const FILE = v.strictObject({
  listen: text,
  admin: text,
  path: text,
  origins: texts,
  allowNoOrigin: flag,
  trustedProxies: texts,
  udpAddresses: texts,
  logNetworks: flag,
  allow: v.optional(v.array(v.union([v.string(), RULE]))),
  unusualPorts: flag,
  auth: v.optional(AUTH),
  tickets: v.optional(TICKETS),
  drain: v.optional(v.partial(DRAIN)),
  limits: v.optional(v.partial(LIMITS)),
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
      return fail(`${where}cannot read ${name}: ${reasonOf(error)}`);
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
  const { auth, tickets, ...rest } = file.output;
  return {
    ...rest,
    ...(auth && { auth: readAuth(auth, read) }),
    ...(tickets && { tickets: readTickets(tickets, readBytes) }),
  };
}

function readAuth(
  { keys, denyFile, ...rest }: v.InferOutput<typeof AUTH>,
  read: (name: string, where: string) => string,
): TokenOptions {
  const lines = denyFile === undefined ? [] : read(denyFile, 'auth.denyFile: ').split(/\r?\n/);
  return {
    ...rest,
    keys: keys.map(({ file, ...key }, i) => {
      const text = read(file, `auth.keys.${i}.file: `);
      return { ...key, key: key.alg === 'HS256' ? text.replace(/\r?\n$/, '') : text };
    }),
    deny: lines.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#')),
  };
}

function readTickets(
  { keyFiles, ...rest }: v.InferOutput<typeof TICKETS>,
  read: (name: string, where: string) => Uint8Array,
): TicketOptions {
  const keys = keyFiles?.map((file, i) => read(file, `tickets.keyFiles.${i}: `));
  return { ...rest, ...(keys && { keys }) };
}
