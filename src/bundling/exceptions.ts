// Packages that know browsers, and make do with less there than a tunnel can give: they are led to what Node gets.
import { createRequire } from 'node:module';
import { standInFile } from './stand-ins.ts';

/** Packages whose entry for browsers goes without sockets. */
const AS_NODE = ['mqtt', 'ws'];

export const NODE_ENTRY = new RegExp(`^(?:${AS_NODE.join('|')})$`);

/** The file that Node takes for this package, as seen from `importer`; undefined where it is not installed. */
export function nodeEntryOf(specifier: string, importer: string): string | undefined {
  if (!NODE_ENTRY.test(specifier)) return undefined;
  try {
    return createRequire(importer).resolve(specifier);
  } catch {
    return undefined;
  }
}

/** Asked for by who can do without: addons, and modules that not every Node has. */
export const ABSENT = /\.node$|(?:^|:)node:(?:sea|sqlite)$/;

/** What `require` of one does where there is none. */
const NOT_FOUND = `throw Object.assign(new Error('There is no such module in a page'), { code: 'MODULE_NOT_FOUND' });`;

/** mqtt looks for a window, and speaks nothing but WebSockets where it finds one. */
const NO_BROWSER = `Object.defineProperty(exports, '__esModule', { value: true });
exports.default = exports.isWebWorker = exports.isReactNativeBrowser = false;`;

/** got loads it whether it is wanted or not, and it looks into the insides of Node's http2 and tls as it is loaded. */
const NO_HTTP2 = `exports.auto = async () => { throw new Error('There is no HTTP/2 in a page'); };`;

interface Exception {
  /** The end of the absolute path. */
  path: RegExp;
  code: string;
}

const EXCEPTIONS: readonly Exception[] = [
  { path: ABSENT, code: NOT_FOUND },
  { path: /[\\/]mqtt[\\/]build[\\/]lib[\\/]is-browser\.js$/, code: NO_BROWSER },
  { path: /[\\/]http2-wrapper[\\/]source[\\/]index\.js$/, code: NO_HTTP2 },
  // Made by emscripten: it fetches a data URL, which a Content-Security-Policy forbids.
  {
    path: /[\\/]ssh2[\\/]lib[\\/]protocol[\\/]crypto[\\/]poly1305\.js$/,
    code: `module.exports = require(${JSON.stringify(standInFile('ssh2-poly1305'))}).default;`,
  },
];

/** Files, by their absolute paths, that a page gets something else for. */
export const EXCEPTION = new RegExp(EXCEPTIONS.map(({ path }) => `(?:${path.source})`).join('|'));

/** The script that stands for a file; undefined if the file may stay as it is. */
export function exceptionFor(path: string): string | undefined {
  return EXCEPTIONS.find((exception) => exception.path.test(path))?.code;
}
