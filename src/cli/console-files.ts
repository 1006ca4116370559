import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
};

/** The relay is the user's choice; by HTTP the page asks it why it refuses a WebSocket, which browsers do not tell. */
export const ANY_RELAY: readonly string[] = ['ws:', 'wss:', 'http:', 'https:'];

/** Both the page and the worker obey it; the worker obeys the one that its own file came with. */
function contentSecurityPolicy(connect: readonly string[], name: string): string {
  return [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "worker-src 'self'",
    `connect-src ${["'self'", ...connect].join(' ')}`,
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "manifest-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    ...(name.startsWith(EXAMPLES) ? [] : [TRUSTED_TYPES]),
  ].join('; ');
}

/** The console makes one policy, which takes this site's own files only (web/trusted-types.ts). */
const TRUSTED_TYPES = "require-trusted-types-for 'script'; trusted-types default";
/** Pages for people who read them: they say what a page of one's own says, and no more. */
const EXAMPLES = '/examples/';

/** The built console, held in memory: a request can name nothing but these files. */
export class ConsoleFiles {
  readonly #files: ReadonlyMap<string, Buffer>;

  private constructor(files: ReadonlyMap<string, Buffer>) {
    this.#files = files;
  }

  static load(folder = consoleFolder()): ConsoleFiles {
    const files = new Map<string, Buffer>();
    for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
      if (!entry.isFile()) continue;
      const file = join(entry.parentPath, entry.name);
      files.set(`/${relative(folder, file).split(sep).join('/')}`, readFileSync(file));
    }
    return new ConsoleFiles(files);
  }

  /** @param connect where the page may connect to besides its own origin, as in a Content-Security-Policy */
  answer(
    request: IncomingMessage,
    response: ServerResponse,
    pathname: string,
    connect: readonly string[] = ANY_RELAY,
  ): void {
    const name = pathname.endsWith('/') ? `${pathname}index.html` : pathname;
    const body = this.#files.get(name);
    const folder = `${name}/`;
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
    } else if (!body && this.#files.has(`${folder}index.html`)) {
      // What it asks for beside itself is beside the folder otherwise.
      response.writeHead(308, { location: folder }).end();
    } else if (!body) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('Not found.\n');
    } else {
      response.writeHead(200, {
        'content-type': TYPES[extname(name)] ?? 'application/octet-stream',
        'content-length': body.length,
        // Hashed names never change; the page itself is asked for anew.
        'cache-control': name.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
        'content-security-policy': contentSecurityPolicy(connect, name),
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
      });
      response.end(request.method === 'HEAD' ? undefined : body);
    }
  }
}

/** `dist/console`, seen from the compiled program and from the sources alike. */
function consoleFolder(): string {
  const places = ['../../console/', '../../dist/console/'].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  const folder = places.find((place) => existsSync(join(place, 'index.html')));
  if (folder) return folder;
  throw new Error('The console is not built. Run `npm run build` first.');
}
