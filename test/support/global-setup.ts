import { buildAll } from './build.ts';
import { prepare } from './prerequisites.ts';

/** Before any Playwright test: programs from apt, then what they run. */
async function globalSetup(): Promise<void> {
  await prepare(process.argv.includes('--project=browser') ? 'browser' : 'interop');
  await buildAll();
}

// Playwright calls the default export.
export { globalSetup as default };
