import { buildPages } from './build.ts';
import { prepare } from './prerequisites.ts';

/** Before any Playwright test: programs from apt, then the built pages. */
async function globalSetup(): Promise<void> {
  await prepare(process.argv.includes('--project=browser') ? 'browser' : 'interop');
  await buildPages();
}

// Playwright calls the default export.
export { globalSetup as default };
