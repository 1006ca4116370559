// Node's `child_process`: a page starts no programs.
import { unavailable } from './connect-options.ts';

function refuse(): never {
  throw unavailable('child_process: a page starts no programs');
}

export * as default from './child-process.ts';
export {
  refuse as exec,
  refuse as execFile,
  refuse as execFileSync,
  refuse as execSync,
  refuse as fork,
  refuse as spawn,
  refuse as spawnSync,
};
