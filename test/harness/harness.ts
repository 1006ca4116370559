// The page under test: the package's public names on `window.tabwire`, and beside them the few helpers that nearly
// every test needs. Tests reach both with page.evaluate; worker, WASM and CSP are those of a real application.
import * as tabwire from '../../src/index.ts';
import * as page from './page.ts';
import * as servers from './servers.ts';
import * as transfers from './transfers.ts';

declare global {
  interface Window {
    tabwire: typeof tabwire;
    /** Helpers of the test page. */
    page: typeof page & typeof servers & typeof transfers;
    /** The tunnel that a test opened and goes on using in its next call. */
    tunnel: tabwire.Tunnel;
  }
}

window.tabwire = tabwire;
window.page = { ...page, ...servers, ...transfers };
document.title = 'ready';
