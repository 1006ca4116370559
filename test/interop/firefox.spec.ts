// What the browser tests show in Chromium of the examples and of the packed package, in Debian's Firefox.
import type { Browser } from '@playwright/test';
import { test as base } from '../support/console-test.ts';
import { everyExample } from '../support/examples.ts';
import { firefoxPage } from '../support/firefox-page.ts';
import { everyProject } from '../support/projects.ts';

const test = base.extend<object, { other: Browser }>(firefoxPage);

everyExample(test);
everyProject(test);
