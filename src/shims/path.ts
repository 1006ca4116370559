// Node's `path`, as on Linux.

export const sep = '/';
export const delimiter = ':';

export interface ParsedPath {
  root: string;
  dir: string;
  base: string;
  ext: string;
  name: string;
}

export function isAbsolute(path: string): boolean {
  return path.startsWith('/');
}

/** Without `.`, `..` and repeated slashes, as far as they can be resolved. */
export function normalize(path: string): string {
  if (path === '') return '.';
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (!isAbsolute(path)) parts.push(part);
  }
  const joined = parts.join('/');
  const end = path.endsWith('/') && joined !== '' ? '/' : '';
  return isAbsolute(path) ? `/${joined}${end}` : `${joined}${end}` || (path.endsWith('/') ? './' : '.');
}

export function join(...parts: string[]): string {
  return normalize(parts.filter((part) => part !== '').join('/'));
}

/** A page is in `/`. */
export function resolve(...parts: string[]): string {
  const path = normalize(parts.reduce((above, part) => (isAbsolute(part) ? part : `${above}/${part}`), '/'));
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

export function dirname(path: string): string {
  const trimmed = path.replace(/\/+$/, '');
  const at = trimmed.lastIndexOf('/');
  if (at < 0) return path.startsWith('/') ? '/' : '.';
  return trimmed.slice(0, at) || '/';
}

export function basename(path: string, suffix = ''): string {
  const base = path.replace(/\/+$/, '').split('/').at(-1)!;
  return suffix !== '' && base !== suffix && base.endsWith(suffix) ? base.slice(0, -suffix.length) : base;
}

export function extname(path: string): string {
  const base = basename(path);
  const at = base.lastIndexOf('.');
  return at > 0 && base !== '..' ? base.slice(at) : '';
}

export function relative(from: string, to: string): string {
  const [source, target] = [from, to].map((path) => resolve(path).split('/').filter(Boolean)) as [
    string[],
    string[],
  ];
  let common = 0;
  while (common < source.length && source[common] === target[common]) common++;
  return [...source.slice(common).map(() => '..'), ...target.slice(common)].join('/');
}

export function parse(path: string): ParsedPath {
  const base = basename(path);
  const ext = extname(path);
  const dir = /\/./.test(path) || path === '/' ? dirname(path) : '';
  return { root: isAbsolute(path) ? '/' : '', dir, base, ext, name: ext ? base.slice(0, -ext.length) : base };
}

export function format({ root = '', dir, base, name = '', ext = '' }: Partial<ParsedPath>): string {
  const folder = dir ?? root;
  const file = base ?? `${name}${ext && !ext.startsWith('.') ? '.' : ''}${ext}`;
  return folder === '' || folder === root ? `${folder}${file}` : `${folder}/${file}`;
}

export function toNamespacedPath(path: string): string {
  return path;
}

export * as posix from './path.ts';
export * as default from './path.ts';
