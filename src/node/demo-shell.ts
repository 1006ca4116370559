import { runCommand, type ShellState } from './demo-commands.ts';
import { DEMO_HOME, type DemoFiles } from './demo-files.ts';

const PROMPT_END = '$ ';
const MAX_LINE = 4096;
const MAX_HISTORY = 100;

/** What a terminal's keys send. */
const KEY = {
  interrupt: '\x03',
  end: '\x04',
  backspace: '\x7f',
  ctrlH: '\b',
  clear: '\x0c',
  kill: '\x15',
  word: '\x17',
};

export interface DemoTerminal {
  /** False: it takes no more before `goOn`. */
  write(text: string): boolean;
  exit(code: number): void;
}

/**
 * The demo's toy shell: a line editor and a handful of commands over a file system in memory. It starts no program and
 * knows no other file.
 */
export class DemoShell {
  readonly #state: ShellState;
  readonly #terminal: DemoTerminal;
  readonly #utf8 = new TextDecoder();
  readonly #history: string[] = [];
  #line = '';
  /** Keys that were pressed while the terminal took no more. */
  #waiting = '';
  #isFull = false;
  /** What came of an escape sequence that is not complete. */
  #escape = '';
  /** Into the history; its length is the line being typed. */
  #recalled = 0;

  constructor(files: DemoFiles, terminal: DemoTerminal) {
    this.#state = { files, folder: DEMO_HOME, lastFolder: DEMO_HOME };
    this.#terminal = terminal;
  }

  start(): void {
    this.#print(this.#state.files.readText('/etc/motd'));
    this.#prompt();
  }

  /** Keys, as many at a time as somebody looks at what comes of them. */
  input(bytes: Uint8Array): void {
    this.#waiting += this.#utf8.decode(bytes, { stream: true });
    this.goOn();
  }

  /** To be called when the terminal takes more. */
  goOn(): void {
    this.#isFull = false;
    while (!this.#isFull && this.#waiting !== '') {
      const char = String.fromCodePoint(this.#waiting.codePointAt(0)!);
      this.#waiting = this.#waiting.slice(char.length);
      this.#key(char);
    }
  }

  /** Nothing more should be typed for now. */
  get isFull(): boolean {
    return this.#isFull;
  }

  #key(char: string): void {
    if (this.#escape !== '' || char === '\x1b') this.#escaped(char);
    else if (char === '\r' || char === '\n') this.#enter();
    else if (char === KEY.backspace || char === KEY.ctrlH) this.#erase(1);
    else if (char === KEY.kill) this.#erase(MAX_LINE);
    else if (char === KEY.word) this.#erase([.../\S*\s*$/.exec(this.#line)![0]].length);
    else if (char === KEY.interrupt) this.#interrupt();
    else if (char === KEY.end) this.#end();
    else if (char === KEY.clear) this.#clear();
    else if (char === '\t') this.#complete();
    else if (char >= ' ' && this.#line.length < MAX_LINE) this.#type(char);
  }

  #interrupt(): void {
    this.#line = '';
    this.#print('^C\n');
    this.#prompt();
  }

  #end(): void {
    if (this.#line === '') this.#leave();
  }

  #clear(): void {
    this.#write('\x1b[H\x1b[2J');
    this.#prompt();
    this.#write(this.#line);
  }

  /** Arrow up and down; other sequences are passed over. */
  #escaped(char: string): void {
    this.#escape += char;
    if (this.#escape === '\x1b' || this.#escape === '\x1b[' || this.#escape === '\x1bO') return;
    const goesOn = this.#escape.startsWith('\x1b[') && !/[@-~]/.test(char) && this.#escape.length < 16;
    if (goesOn) return;
    const sequence = this.#escape.replace('O', '[');
    this.#escape = '';
    if (sequence === '\x1b[A') this.#recall(this.#recalled - 1);
    if (sequence === '\x1b[B') this.#recall(this.#recalled + 1);
  }

  #recall(position: number): void {
    if (position < 0 || position > this.#history.length) return;
    this.#erase(MAX_LINE);
    this.#recalled = position;
    this.#type(this.#history[position] ?? '');
  }

  #type(text: string): void {
    this.#line += text;
    this.#write(text);
  }

  #erase(count: number): void {
    const chars = [...this.#line];
    const gone = chars.splice(Math.max(0, chars.length - count)).length;
    this.#line = chars.join('');
    this.#write('\b \b'.repeat(gone));
  }

  /** The only name that begins so in the folder. */
  #complete(): void {
    const word = /\S*$/.exec(this.#line)![0];
    if (word.includes('/')) return;
    const names = [...this.#state.files.folder(this.#state.folder).entries.keys()];
    const fitting = names.filter((name) => name.startsWith(word));
    if (word !== '' && fitting.length === 1) this.#type(`${fitting[0]!.slice(word.length)} `);
  }

  #enter(): void {
    const line = this.#line.trim();
    this.#line = '';
    this.#write('\r\n');
    if (line !== '') {
      this.#history.push(line);
      if (this.#history.length > MAX_HISTORY) this.#history.shift();
    }
    this.#recalled = this.#history.length;
    if (line === 'exit' || line === 'logout') {
      this.#leave();
      return;
    }
    if (line === 'clear') this.#write('\x1b[H\x1b[2J');
    else if (line !== '') this.#print(runCommand(this.#state, line).output);
    this.#prompt();
  }

  #leave(): void {
    this.#print('logout\n');
    this.#waiting = '';
    this.#terminal.exit(0);
  }

  #prompt(): void {
    const { folder } = this.#state;
    const shown =
      folder === DEMO_HOME || folder.startsWith(`${DEMO_HOME}/`)
        ? `~${folder.slice(DEMO_HOME.length)}`
        : folder;
    this.#write(`\x1b[32mguest@demo\x1b[0m:\x1b[34m${shown}\x1b[0m${PROMPT_END}`);
  }

  #write(text: string): void {
    if (!this.#terminal.write(text)) this.#isFull = true;
  }

  #print(text: string): void {
    this.#write(text.replaceAll('\n', '\r\n'));
  }
}
