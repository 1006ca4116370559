import type { Duplex } from 'node:stream';
import { codedError, invalidArgType } from '../errors.ts';
import type { Agent } from './agent.ts';

/** What `http.request` takes, under Node's names. */
export interface RequestOptions {
  protocol?: string | null;
  host?: string | null;
  hostname?: string | null;
  port?: number | string | null;
  defaultPort?: number | string;
  path?: string | null;
  method?: string;
  headers?: Record<string, unknown>;
  auth?: string | null;
  /** Milliseconds of silence until 'timeout'. */
  timeout?: number;
  signal?: AbortSignal;
  setHost?: boolean;
  agent?: Agent | boolean;
  createConnection?: (
    options: object,
    callback: (error: Error | null, socket?: Duplex) => void,
  ) => Duplex | undefined;
  servername?: string;
  [other: string]: unknown;
}

export type ResponseListener = (response: never) => void;

/** (url[, options][, listener]), (options[, listener]). */
export function requestArguments(args: readonly unknown[]): [RequestOptions, ResponseListener | undefined] {
  const last = args.at(-1);
  const listener = typeof last === 'function' ? (last as ResponseListener) : undefined;
  const [first, second] = args;
  const given = typeof first === 'string' || first instanceof URL ? second : first;
  const options = typeof given === 'object' && given !== null ? (given as RequestOptions) : {};
  return [given === first ? options : { ...optionsOfUrl(first as string | URL), ...options }, listener];
}

function optionsOfUrl(given: string | URL): RequestOptions {
  const url = new URL(given);
  const { protocol, hostname, port, pathname, search, username, password } = url;
  return {
    protocol,
    hostname: hostname.replace(/^\[|\]$/g, ''),
    path: `${pathname}${search}`,
    ...(port !== '' && { port: Number(port) }),
    ...((username !== '' || password !== '') && {
      auth: `${decodeURIComponent(username)}:${decodeURIComponent(password)}`,
    }),
  };
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const NOT_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

export function checkHeader(name: string, value: unknown): void {
  if (!TOKEN.test(name))
    throw codedError(
      TypeError,
      'ERR_INVALID_HTTP_TOKEN',
      `Header name must be a valid HTTP token ["${name}"]`,
    );
  if (value === undefined)
    throw codedError(
      TypeError,
      'ERR_HTTP_INVALID_HEADER_VALUE',
      `Invalid value "undefined" for header "${name}"`,
    );
  for (const one of [value].flat())
    if (NOT_IN_VALUE.test(String(one)))
      throw codedError(TypeError, 'ERR_INVALID_CHAR', `Invalid character in header content ["${name}"]`);
}

/** Of a header that came, as strictly as of one that is sent. */
export function isHeader(name: string, value: string): boolean {
  return TOKEN.test(name) && !NOT_IN_VALUE.test(value);
}

export function checkHost(host: unknown, name: 'host' | 'hostname'): string {
  if (host === undefined || host === null) return '';
  if (typeof host === 'string') return host;
  throw invalidArgType(`options.${name}`, 'of type string or one of undefined or null', host);
}

export function checkMethod(method: unknown): string {
  if (typeof method !== 'string') throw invalidArgType('options.method', 'of type string', method);
  if (!TOKEN.test(method))
    throw codedError(TypeError, 'ERR_INVALID_HTTP_TOKEN', `Method must be a valid HTTP token ["${method}"]`);
  return method.toUpperCase();
}

export function checkPath(path: string): string {
  if (/[^\x21-\xff]/.test(path))
    throw codedError(TypeError, 'ERR_UNESCAPED_CHARACTERS', 'Request path contains unescaped characters');
  return path;
}
