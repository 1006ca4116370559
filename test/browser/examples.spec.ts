// Every example runs against the demo network, and prints what it says it prints.
import { test } from '../support/console-test.ts';
import { everyExample } from '../support/examples.ts';

everyExample(test);
