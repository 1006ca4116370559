// Packages that know browsers, and make do with less there than a tunnel can give: they are led to what Node gets.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { standInFile } from './stand-ins.ts';

/** Packages whose entry for browsers goes without sockets. */
const AS_NODE = ['mqtt', 'ws'];

/** What axios calls its adapter for Node, and who asks for it: its package has browsers get nothing for it. */
const ADAPTER = './http.js';
const ADAPTERS = /[\\/]axios[\\/]lib[\\/]adapters[\\/]adapters\.js$/;

export const NODE_ENTRY = new RegExp(`^(?:${AS_NODE.join('|')}|${ADAPTER.replaceAll('.', '\\.')})$`);

/** The file that Node takes for this specifier, as seen from `importer`; undefined where it is not installed, or nothing special. */
export function nodeEntryOf(specifier: string, importer: string): string | undefined {
  if (!NODE_ENTRY.test(specifier) || (specifier === ADAPTER && !ADAPTERS.test(importer))) return undefined;
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

/** What axios's adapter for Node needs of its platform besides what it has for browsers. */
const AXIOS_PLATFORM = `import * as utils from './common/utils.js';
import platform from './node/index.js';
const DIGIT = '0123456789';
const ALPHA = 'abcdefghijklmnopqrstuvwxyz';
const ALPHABET = { DIGIT, ALPHA, ALPHA_DIGIT: ALPHA + ALPHA.toUpperCase() + DIGIT };
const generateString = (size = 16, alphabet = ALPHABET.ALPHA_DIGIT) =>
  Array.from(crypto.getRandomValues(new Uint32Array(size)), (number) => alphabet[number % alphabet.length]).join('');
export default { ...utils, ...platform, ALPHABET, generateString };`;

interface Exception {
  /** The end of the absolute path. */
  path: RegExp;
  /** What stands for the file, or is made of it. */
  code: string | ((source: string) => string);
}

const EXCEPTIONS: readonly Exception[] = [
  { path: ABSENT, code: NOT_FOUND },
  { path: /[\\/]mqtt[\\/]build[\\/]lib[\\/]is-browser\.js$/, code: NO_BROWSER },
  { path: /[\\/]http2-wrapper[\\/]source[\\/]index\.js$/, code: NO_HTTP2 },
  { path: /[\\/]axios[\\/]lib[\\/]platform[\\/]index\.js$/, code: AXIOS_PLATFORM },
  // It is there where `process` is called by that name, which ours is not: other packages would take a page for Node.
  {
    path: /[\\/]axios[\\/]lib[\\/]adapters[\\/]http\.js$/,
    code: (source) => source.replace(`utils.kindOf(process) === 'process'`, 'true'),
  },
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
  const code = EXCEPTIONS.find((exception) => exception.path.test(path))?.code;
  return typeof code === 'function' ? code(readFileSync(path, 'utf8')) : code;
}
