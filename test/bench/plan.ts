import { parseArgs } from 'node:util';
import { HOST_KINDS, type HostKind } from './hosts/host.ts';

export interface Plan {
  readonly suites: readonly string[];
  readonly hosts: readonly HostKind[];
  /** Short turns and few rounds: whether it runs, not how fast. */
  readonly isQuick: boolean;
  /** Whether this run becomes the baseline. */
  readonly becomesBaseline: boolean;
  /** Whether all hosts are asked. */
  readonly isWhole: boolean;
  /** As it can be given again. */
  readonly command: string;
}

/** Reads the command line; throws an Error with one sentence for the user. */
export function readArguments(args: readonly string[], known: readonly string[]): Plan {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      browser: { type: 'string', multiple: true },
      quick: { type: 'boolean', default: false },
      baseline: { type: 'boolean', default: false },
    },
  });
  const strange = positionals.find((name) => !known.includes(name));
  if (strange !== undefined) throw new Error(`no suite "${strange}"; there are: ${known.join(', ')}`);
  const hosts = (values.browser ?? HOST_KINDS).map((name) => {
    const kind = HOST_KINDS.find((each) => each === name);
    if (!kind) throw new Error(`--browser wants one of ${HOST_KINDS.join(', ')}, not "${name}"`);
    return kind;
  });
  if (values.baseline && (values.quick || values.browser))
    throw new Error('a baseline is measured in full: --baseline goes with neither --quick nor --browser');
  return {
    suites: positionals.length > 0 ? positionals : known,
    hosts,
    isQuick: values.quick,
    becomesBaseline: values.baseline,
    isWhole: values.browser === undefined,
    command: ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' '),
  };
}
