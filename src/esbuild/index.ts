// `tabwire/esbuild`: the same as `tabwire/vite`, for esbuild.
import { dirname } from 'node:path';
import type { Plugin } from 'esbuild';
import { ABSENT, EXCEPTION, exceptionFor, NODE_ENTRY, nodeEntryOf } from '../bundling/exceptions.ts';
import { facadeCode, facadeOf } from '../bundling/facade.ts';
import { NODE_MODULE, RENAMED, standInFile, standInOf } from '../bundling/stand-ins.ts';

const REQUIRED = 'tabwire-require';

/**
 * Gives a page's programs Node's modules over a tunnel, as the plugin of `tabwire/vite` does.
 *
 * ```ts
 * await build({ entryPoints: ['page.ts'], bundle: true, format: 'esm', outdir: 'dist', plugins: [tabwire()] });
 * ```
 */
export function tabwire(): Plugin {
  return {
    name: 'tabwire',
    setup(build) {
      const options = build.initialOptions;
      options.inject = [...(options.inject ?? []), standInFile('globals')];
      options.define = { ...RENAMED, ...options.define };
      build.onResolve({ filter: NODE_MODULE }, ({ path, importer, kind }) => {
        const file = standInOf(path, importer)!;
        return kind === 'require-call' ? { path: facadeOf(file), namespace: REQUIRED } : { path: file };
      });
      build.onResolve({ filter: NODE_ENTRY }, ({ path, importer }) => {
        const file = importer ? nodeEntryOf(path, importer) : undefined;
        return file ? { path: file } : undefined;
      });
      // What need not be there to be asked for.
      build.onResolve({ filter: ABSENT }, ({ path }) => ({ path, namespace: REQUIRED }));
      build.onLoad({ filter: /.*/, namespace: REQUIRED }, ({ path }) => ({
        contents: exceptionFor(path) ?? facadeCode(path),
        resolveDir: import.meta.dirname,
      }));
      build.onLoad({ filter: EXCEPTION, namespace: 'file' }, ({ path }) => ({
        contents: exceptionFor(path)!,
        resolveDir: dirname(path),
      }));
    },
  };
}
