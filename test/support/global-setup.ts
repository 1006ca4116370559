import { buildPages } from './build.ts';
import { installMissing } from './prerequisites.ts';

/** Before any Playwright test: programs from apt, then the built pages. */
async function globalSetup(): Promise<void> {
  await installMissing(process.argv.includes('--project=browser') ? 'browser' : 'interop');
  await buildPages();
}

// Playwright calls the default export.
export { globalSetup as default };
