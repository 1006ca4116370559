// `tabwire/vite`: packages that were written for Node run in a page, over a tunnel.
import type { Plugin } from 'vite';
import { ABSENT, EXCEPTION, exceptionFor, NODE_ENTRY, nodeEntryOf } from '../bundling/exceptions.ts';
import { FACADE, facadeCode, facadeOf } from '../bundling/facade.ts';
import { GLOBALS, NODE_MODULE, RENAMED, standInOf } from '../bundling/stand-ins.ts';
import { optimized } from './optimized.ts';

/** What a program may ask of the plugin. */
export interface TabwireOptions {
  /**
   * What `setTimeout` and `setInterval` give: `'node'`, the default, Node's timers, on which packages call `unref`; `'page'`, a
   * page's numbers, for programs whose packages do not.
   */
  timers?: 'node' | 'page';
}

/**
 * Gives a page's programs Node's modules: `net`, `tls`, `dns` and `dgram` over the tunnel that `setDefaultTunnel` of
 * `tabwire/shims/net` was given, and with them `buffer`, `events`, `stream`, `crypto` and what else an ordinary package of
 * Node's asks for, each of them once in the page. Works for `vite`, `vite build` and workers of module type; for the browser
 * only, never for what is rendered on a server.
 *
 * ```ts
 * import { defineConfig } from 'vite';
 * import { tabwire } from 'tabwire/vite';
 *
 * export default defineConfig({ plugins: [tabwire()], worker: { format: 'es', plugins: () => [tabwire()] } });
 * ```
 *
 * Packages find Node's global names too (`Buffer`, `process`, `setImmediate`, `global`); source of one's own imports them, since
 * `vite` without `build` leaves it as it is.
 */
export function tabwire({ timers = 'node' }: TabwireOptions = {}): Plugin {
  const inject = timers === 'node' ? { ...GLOBALS } : withoutTimers();
  return {
    ...modules('tabwire'),
    enforce: 'pre',
    config: () => ({
      define: RENAMED,
      optimizeDeps: {
        rolldownOptions: {
          plugins: [modules('tabwire:dependencies')],
          transform: { inject, define: { ...RENAMED } },
        },
      },
      build: { rolldownOptions: { transform: { inject } } },
      worker: { rolldownOptions: { transform: { inject } } },
    }),
    applyToEnvironment: (environment) => environment.config.consumer === 'client',
  };
}

/** What finds the modules, alike for what Vite bundles beforehand and for all else. */
function modules(name: string): Plugin {
  return {
    name,
    resolveId: {
      filter: { id: [NODE_MODULE, NODE_ENTRY, ABSENT] },
      handler(specifier, importer, options) {
        if (ABSENT.test(specifier)) return { id: `\0tabwire:${specifier}` };
        const file =
          standInOf(specifier, importer) ?? (importer ? nodeEntryOf(specifier, importer) : undefined);
        if (!file) return undefined;
        if (isRequired(options) && NODE_MODULE.test(specifier)) return { id: facadeOf(file) };
        return optimized(this, specifier, file, options as { scan?: boolean });
      },
    },
    load: {
      filter: { id: [FACADE, EXCEPTION] },
      handler(id) {
        const code = FACADE.test(id) ? facadeCode(id) : exceptionFor(id);
        return code === undefined ? undefined : { code, moduleType: 'js' };
      },
    },
  };
}

/** What rolldown says of a specifier, and Vite's types do not. */
function isRequired(options: object): boolean {
  return (options as { kind?: string }).kind === 'require-call';
}

function withoutTimers(): Record<string, [string, string]> {
  const { setTimeout: _timeout, setInterval: _interval, ...others } = GLOBALS;
  return others;
}
