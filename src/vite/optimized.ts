import type { DevEnvironment } from 'vite';

interface Context {
  environment?: { mode: string };
}

/**
 * What `vite` serves for a file in node_modules that source of one's own imports: not the file, which may be CommonJS, but what
 * Vite made of it beforehand, or makes now. In what is bundled it is the file.
 */
export function optimized(
  { environment }: Context,
  specifier: string,
  file: string,
  { scan }: { scan?: boolean },
): string {
  if (scan || environment?.mode !== 'dev' || !/[\\/]node_modules[\\/]/.test(file)) return file;
  const { depsOptimizer } = environment as unknown as DevEnvironment;
  if (!depsOptimizer) return file;
  return depsOptimizer.getOptimizedDepId(depsOptimizer.registerMissingImport(specifier, file));
}
