// Ten lines of code in somebody else's project reach a service behind the demo peer: with Vite, with esbuild, and with no
// build at all. The package is the packed tarball, installed outside the repository.
import { test } from '../support/browser-test.ts';
import { everyProject } from '../support/projects.ts';

everyProject(test);
