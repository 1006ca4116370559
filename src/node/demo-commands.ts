import { DEMO_HOME, type DemoFile, DemoFileError, DemoFiles, type DemoNode } from './demo-files.ts';

export interface ShellState {
  files: DemoFiles;
  folder: string;
  lastFolder: string;
}

export interface Outcome {
  output: string;
  code: number;
}

type Command = (state: ShellState, args: string[]) => string;

const MAX_OUTPUT = 1 << 20;
const MAX_COUNT = 100_000;

const COMMANDS: Record<string, Command> = {
  help: () =>
    `There is: ${Object.keys(COMMANDS).sort().join(', ')}, clear, exit.\n"> file" and ">> file" write what a command says into a file.\n`,
  pwd: ({ folder }) => `${folder}\n`,
  cd: changeFolder,
  ls: list,
  cat: concatenate,
  echo: (_, args) => `${args.join(' ')}\n`,
  mkdir: each((state, path) => state.files.makeFolder(path)),
  rmdir: each((state, path) => {
    state.files.folder(path);
    state.files.remove(path);
  }),
  touch: each((state, path) => {
    state.files.create(path);
  }),
  rm: (state, args) => {
    const all = args.includes('-r') || args.includes('-rf');
    return each((_, path) => {
      if (!all) state.files.file(path);
      state.files.remove(path, { all });
    })(state, args);
  },
  mv: (state, args) => {
    const [from, to] = pair(state, args);
    state.files.rename(from, to, { replace: true });
    return '';
  },
  cp: (state, args) => {
    const [from, to] = pair(state, args);
    const { files } = state;
    const source = files.file(from);
    files.write(files.create(to, { truncate: true }), 0, Buffer.from(files.read(source, 0, source.size)));
    return '';
  },
  chmod: (state, [mode = '', ...paths]) => {
    if (!/^[0-7]{3,4}$/.test(mode)) throw new Error(`invalid mode: "${mode}"`);
    return each((_, path) => state.files.setMode(path, Number.parseInt(mode, 8)))(state, paths);
  },
  seq: (_, args) => {
    const [first, last] = args.length > 1 ? args.map(Number) : [1, Number(args[0])];
    if (!Number.isInteger(first) || !Number.isInteger(last))
      throw new Error('wants one or two whole numbers');
    const count = Math.min(MAX_COUNT, Math.max(0, last! - first! + 1));
    return Array.from({ length: count }, (_number, i) => `${first! + i}\n`).join('');
  },
  wc: (state, args) =>
    args
      .map((path) => {
        const { lines, words, bytes } = countIn(state.files, state.files.file(at(state, path)));
        return `${lines} ${words} ${bytes} ${path}\n`;
      })
      .join(''),
  whoami: () => 'guest\n',
  hostname: () => 'demo\n',
  uname: () => 'Tabwire demo\n',
  date: () => `${new Date().toUTCString()}\n`,
};

/** Runs one line; what a command has to complain about is part of its output. */
export function runCommand(state: ShellState, line: string): Outcome {
  const { words, target, append } = parse(line);
  const [name = '', ...args] = words;
  try {
    if (!Object.hasOwn(COMMANDS, name))
      return { output: `${name}: command not found (this is a toy shell: type "help")\n`, code: 127 };
    const output = COMMANDS[name]!(state, args).slice(0, MAX_OUTPUT);
    if (target === undefined) return { output, code: 0 };
    redirect(state, target, output, append);
    return { output: '', code: 0 };
  } catch (error) {
    return { output: `${name}: ${(error as Error).message}\n`, code: 1 };
  }
}

interface Line {
  words: string[];
  target: string | undefined;
  append: boolean;
}

/** Words between spaces or in quotes, and where the output goes. */
function parse(line: string): Line {
  const tokens = line.match(/>>?|"[^"]*"|'[^']*'|[^\s>"']+/g) ?? [];
  const at = tokens.findIndex((token) => token === '>' || token === '>>');
  const bare = (token: string) => token.replace(/^(["'])(.*)\1$/, '$2');
  if (at === -1) return { words: tokens.map(bare), target: undefined, append: false };
  const [target = ''] = tokens.slice(at + 1).map(bare);
  return { words: tokens.slice(0, at).map(bare), target, append: tokens[at] === '>>' };
}

function redirect(state: ShellState, target: string, output: string, append: boolean): void {
  if (target === '') throw new Error('which file should it go into?');
  const file = state.files.create(at(state, target), { truncate: !append });
  state.files.write(file, file.size, Buffer.from(output));
}

function at({ folder }: ShellState, path: string): string {
  return DemoFiles.resolve(folder, path.replace(/^~(?=\/|$)/, DEMO_HOME));
}

/** A command that does the same to each of its arguments, options aside. */
function each(act: (state: ShellState, path: string) => void): Command {
  return (state, args) => {
    const paths = args.filter((arg) => !arg.startsWith('-'));
    if (paths.length === 0) throw new Error('missing operand');
    for (const path of paths) {
      try {
        act(state, at(state, path));
      } catch (error) {
        throw new Error(`${path}: ${(error as Error).message}`);
      }
    }
    return '';
  };
}

/** Both operands; a folder as the second means the same name in it. */
function pair(state: ShellState, args: string[]): [from: string, to: string] {
  if (args.length !== 2) throw new Error('wants two operands');
  const [from, to] = args.map((path) => at(state, path)) as [string, string];
  const isFolder = nodeAt(state, to)?.kind === 'folder';
  return [from, isFolder ? DemoFiles.resolve(to, from.slice(from.lastIndexOf('/') + 1)) : to];
}

function nodeAt(state: ShellState, path: string): DemoNode | undefined {
  try {
    return state.files.get(path);
  } catch (error) {
    if (error instanceof DemoFileError) return undefined;
    throw error;
  }
}

function changeFolder(state: ShellState, [path = DEMO_HOME]: string[]): string {
  const to = path === '-' ? state.lastFolder : at(state, path);
  state.files.folder(to);
  state.lastFolder = state.folder;
  state.folder = to;
  return '';
}

/** No more of all of them than is shown in the end. */
function concatenate(state: ShellState, args: string[]): string {
  let output = '';
  for (const path of args) {
    const file = state.files.file(at(state, path));
    output += state.files.read(file, 0, MAX_OUTPUT - output.length).toString();
    if (output.length >= MAX_OUTPUT) break;
  }
  return output;
}

/** Byte by byte: a file may be larger than what its text or its words would take. */
function countIn(files: DemoFiles, file: DemoFile): { lines: number; words: number; bytes: number } {
  let lines = 0;
  let words = 0;
  let isInWord = false;
  const bytes = files.read(file, 0, file.size);
  for (const byte of bytes) {
    const isSpace = byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
    if (byte === 0x0a) lines++;
    if (!isSpace && !isInWord) words++;
    isInWord = !isSpace;
  }
  return { lines, words, bytes: bytes.length };
}

function list(state: ShellState, args: string[]): string {
  const long = args.some((arg) => /^-\w*l/.test(arg));
  const [path = '.'] = args.filter((arg) => !arg.startsWith('-'));
  const node = state.files.get(at(state, path));
  const entries: [string, DemoNode][] =
    node.kind === 'file' ? [[path, node]] : [...node.entries].sort(([a], [b]) => a.localeCompare(b));
  if (long) return entries.map(([name, entry]) => `${longLine(name, entry)}\n`).join('');
  return entries.length === 0 ? '' : `${entries.map(([name, entry]) => coloured(name, entry)).join('  ')}\n`;
}

/** As `ls -l` writes it; SFTP sends it too. */
export function longLine(name: string, node: DemoNode): string {
  const size = node.kind === 'file' ? node.size : 0;
  const when = new Date(node.modified).toISOString().slice(0, 16).replace('T', ' ');
  return `${modeText(node)} 1 guest guest ${String(size).padStart(9)} ${when} ${name}`;
}

function modeText({ kind, mode }: DemoNode): string {
  const bits = [...'rwxrwxrwx'].map((letter, i) => ((mode >> (8 - i)) & 1 ? letter : '-')).join('');
  return (kind === 'folder' ? 'd' : '-') + bits;
}

function coloured(name: string, { kind }: DemoNode): string {
  return kind === 'folder' ? `\x1b[34m${name}\x1b[0m` : name;
}
