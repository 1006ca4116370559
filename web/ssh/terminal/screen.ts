/** xterm.js as this page uses it: what the other side writes is drawn, and can do nothing else. */

import { signal } from '@preact/signals';
import { FitAddon } from '@xterm/addon-fit';
import { SearchAddon } from '@xterm/addon-search';
import { Unicode11Addon } from '@xterm/addon-unicode11';
import { WebLinksAddon } from '@xterm/addon-web-links';
import { Terminal } from '@xterm/xterm';
import { Preference } from '../../settings.ts';
import { clean } from '../clean.ts';
import { OwnKeys } from './own-keys.ts';
import { cleanPaste, type Paste } from './paste.ts';
import { keepStylePolicy } from './strict-styles.ts';
import { terminalTheme } from './terminal-theme.ts';

const SCROLLBACK = 5000;
/** Bytes that wait to be drawn: above, the sender is held; below, it goes on. */
const HIGH_WATER = 512 * 1024;
const LOW_WATER = 128 * 1024;
const MAX_TITLE = 80;
/** Lines of a server's banner. */
const MAX_LINES = 100;
/** OSC numbers that are not obeyed: the clipboard is the person's. */
const CLIPBOARD = 52;

/** In this browser: terminals are drawn by the graphics card. */
const drawing = new Preference('webgl');

export class Screen {
  readonly terminal: Terminal;
  /** What the other side calls its window. */
  readonly title = signal('');
  /** A link that somebody clicked; opening it is the next click. */
  readonly link = signal<string | undefined>();
  /** Several lines that somebody pasted. */
  readonly paste = signal<Paste | undefined>();
  readonly drawsWithWebgl = signal(false);
  /** What is written is announced, too. */
  readonly isSpoken = signal(false);
  readonly #fit = new FitAddon();
  readonly #search = new SearchAddon();
  readonly #theme = matchMedia('(prefers-color-scheme: dark)');
  #waiting = 0;
  #isHeld = false;
  #wantsWebgl = drawing.read() === 'on';
  #webgl: { dispose(): void } | undefined;
  #observer: ResizeObserver | undefined;
  #keys: OwnKeys | undefined;
  #leave = () => {};

  constructor() {
    keepStylePolicy();
    const open = (_event: MouseEvent, url: string) => this.#askAbout(url);
    this.terminal = new Terminal({
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue('--mono') || 'monospace',
      fontSize: matchMedia('(max-width: 720px)').matches ? 12 : 13,
      cursorBlink: false,
      scrollback: SCROLLBACK,
      theme: terminalTheme(),
      linkHandler: { activate: open, allowNonHttpProtocols: false },
      logLevel: 'off',
      // For `unicode`, which is not settled yet.
      allowProposedApi: true,
    });
    // Emoji take two columns, as programs on the other side reckon.
    this.terminal.loadAddon(new Unicode11Addon());
    this.terminal.unicode.activeVersion = '11';
    this.terminal.loadAddon(this.#fit);
    this.terminal.loadAddon(this.#search);
    this.terminal.loadAddon(new WebLinksAddon(open));
    this.terminal.parser.registerOscHandler(CLIPBOARD, () => true);
    this.terminal.onTitleChange((title) => (this.title.value = clean(title).slice(0, MAX_TITLE)));
    this.#theme.addEventListener('change', this.recolour);
  }

  get size(): { columns: number; rows: number } {
    return { columns: this.terminal.cols, rows: this.terminal.rows };
  }

  /** Shows it in this element, for as long as it is there. `leave`: the person wants to be elsewhere in the page. */
  attach(element: HTMLElement, leave: () => void): void {
    if (this.terminal.element) element.append(this.terminal.element);
    else this.#open(element);
    this.#leave = leave;
    this.#observer?.disconnect();
    this.#observer = new ResizeObserver(() => this.fit());
    this.#observer.observe(element);
    this.fit();
  }

  #open(element: HTMLElement): void {
    this.terminal.open(element);
    this.#keys = new OwnKeys(this.terminal, () => this.#leave());
    this.terminal.element!.addEventListener('paste', (event) => this.#pasted(event), { capture: true });
    if (this.#wantsWebgl) void this.#drawWithWebgl();
  }

  fit(): void {
    const { element } = this.terminal;
    if (element?.isConnected && element.parentElement!.clientWidth > 0) this.#fit.fit();
  }

  focus(): void {
    this.terminal.focus();
    this.#keys?.enter();
  }

  /** `hold` is told when the sender should wait, and when it should go on. */
  write(bytes: Uint8Array, hold: (isHeld: boolean) => void): void {
    this.#waiting += bytes.length;
    if (!this.#isHeld && this.#waiting > HIGH_WATER) hold((this.#isHeld = true));
    this.terminal.write(bytes, () => {
      this.#waiting -= bytes.length;
      if (this.#isHeld && this.#waiting < LOW_WATER) hold((this.#isHeld = false));
    });
  }

  /** A line of the page's own. */
  say(text: string): void {
    this.terminal.write(`\r\n\x1b[2m${clean(text)}\x1b[0m\r\n`);
  }

  /** What a server said outside the shell: lines of plain text. */
  sayLines(text: string): void {
    for (const line of text.split(/\r?\n/, MAX_LINES)) this.terminal.write(`${clean(line)}\r\n`);
  }

  find(text: string, direction: 'next' | 'previous'): boolean {
    return direction === 'next' ? this.#search.findNext(text) : this.#search.findPrevious(text);
  }

  stopFinding(): void {
    this.#search.clearDecorations();
    this.terminal.clearSelection();
  }

  /** Puts text where a person would have typed it. */
  putIn(text: string): void {
    this.terminal.paste(text);
  }

  /** Draws with the graphics card, or plainly; here and in terminals to come. */
  useWebgl(isWanted: boolean): void {
    drawing.write(isWanted ? 'on' : undefined);
    this.#wantsWebgl = isWanted;
    if (isWanted) void this.#drawWithWebgl();
    else this.#drawPlainly();
  }

  async #drawWithWebgl(): Promise<void> {
    try {
      const { WebglAddon } = await import('@xterm/addon-webgl');
      if (!this.#wantsWebgl) return;
      const addon = new WebglAddon();
      // The card forgot us, or was given to others.
      addon.onContextLoss(() => this.#drawPlainly());
      this.terminal.loadAddon(addon);
      this.#webgl = addon;
      this.drawsWithWebgl.value = true;
    } catch {
      this.#drawPlainly(); // There is no WebGL.
    }
  }

  #drawPlainly(): void {
    this.#webgl?.dispose();
    this.#webgl = undefined;
    this.drawsWithWebgl.value = false;
  }

  speak(isWanted: boolean): void {
    this.isSpoken.value = isWanted;
    this.terminal.options.screenReaderMode = isWanted;
  }

  readonly recolour = (): void => {
    this.terminal.options.theme = terminalTheme();
  };

  dispose(): void {
    this.#observer?.disconnect();
    this.#theme.removeEventListener('change', this.recolour);
    this.terminal.dispose();
  }

  #askAbout(url: string): void {
    if (/^https?:\/\//i.test(url)) this.link.value = url;
  }

  #pasted(event: ClipboardEvent): void {
    event.preventDefault();
    event.stopPropagation();
    const paste = cleanPaste(event.clipboardData?.getData('text/plain') ?? '');
    if (paste.lines > 1) this.paste.value = paste;
    else if (paste.text !== '') this.putIn(paste.text);
  }
}
