import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { runCommand } from '../../src/node/demo-commands.ts';
import { DEMO_HOME, DemoFiles } from '../../src/node/demo-files.ts';
import { DemoShell } from '../../src/node/demo-shell.ts';

function open() {
  const files = new DemoFiles();
  let shown = '';
  let code: number | undefined;
  let isFull = false;
  const shell = new DemoShell(files, {
    write: (text) => {
      shown += text;
      return !isFull;
    },
    exit: (exit) => (code = exit),
  });
  shell.start();
  return {
    files,
    shell,
    type: (text: string) => shell.input(Buffer.from(text)),
    fill: (full: boolean) => (isFull = full),
    /** What was written since, as a person sees it. */
    seen: () => {
      const text = stripVTControlCharacters(shown).replaceAll('\r', '');
      shown = '';
      return text;
    },
    code: () => code,
  };
}

const run = (line: string, files = new DemoFiles()) =>
  runCommand({ files, folder: DEMO_HOME, lastFolder: DEMO_HOME }, line);

describe("the demo's shell", () => {
  it('greets, prompts, and does what it is told', () => {
    const { type, seen } = open();
    expect(seen()).toBe('Welcome inside. Type "help" for what there is.\nguest@demo:~$ ');
    type('ls\r');
    expect(seen()).toContain('notes  README.txt');
    type('cd notes\rcat todo.txt\r');
    expect(seen()).toContain('guest@demo:~/notes$ ');
    type('echo "a b" > x\rcat x\r');
    expect(seen()).toContain('\na b\n');
  });

  it('edits the line: erasing, words, whole lines, history, completion', () => {
    const { type, seen } = open();
    seen();
    type('echo ax\x7fbü😀\x7f\r');
    expect(seen()).toContain('\nabü\n');
    type('echo one two\x17three\r');
    expect(seen()).toContain('\none three\n');
    type('rubbish\x15echo clean\r');
    expect(seen()).toContain('\nclean\n');
    type('\x1b[A\r');
    expect(seen()).toContain('\nclean\n');
    type('\x1bOA\x1b[A\x1b[B\r');
    expect(seen()).toContain('\nclean\n');
    type('cat READ\t\r');
    expect(seen()).toContain('This machine is not there');
    type('abc\x03');
    expect(seen()).toContain('^C');
  });

  it('reads a character whose bytes come apart', () => {
    const { shell, type, seen } = open();
    seen();
    type('echo ');
    for (const byte of Buffer.from('ü😀')) shell.input(Uint8Array.of(byte));
    type('\r');
    expect(seen()).toContain('\nü😀\n');
  });

  it('leaves with exit, logout, and Ctrl-D on an empty line', () => {
    for (const keys of ['exit\r', 'logout\r', '\x04', 'exit\rls\r']) {
      const { type, seen, code } = open();
      type(keys);
      expect(code()).toBe(0);
      expect(seen().endsWith('logout\n')).toBe(true);
    }
    const { type, code } = open();
    type('x\x04');
    expect(code()).toBeUndefined();
  });

  it('goes on only as fast as somebody looks at it', () => {
    const { type, seen, fill, shell } = open();
    seen();
    fill(true);
    type('echo one\recho two\r');
    expect(shell.isFull).toBe(true);
    expect(seen()).not.toContain('one\n');
    for (let i = 0; i < 8; i++) shell.goOn();
    expect(seen()).not.toContain('two\n');
    fill(false);
    shell.goOn();
    expect(shell.isFull).toBe(false);
    expect(seen()).toContain('\ntwo\n');
  });

  it('bounds the line and what a command says', () => {
    const { type, seen } = open();
    seen();
    type(`${'x'.repeat(10_000)}\r`);
    expect(seen().length).toBeLessThan(3 * 4096);
    const files = new DemoFiles();
    files.write(files.create('/tmp/big'), 0, Buffer.alloc(8 << 20, 'a b\n'));
    expect(run(`cat ${'/tmp/big '.repeat(100)}`, files).output).toHaveLength(1 << 20);
    expect(run('wc /tmp/big', files).output).toBe(`${2 << 20} ${4 << 20} ${8 << 20} /tmp/big\n`);
    expect(run('seq 1 999999999').output.split('\n')).toHaveLength(100_001);
  });
});

describe("the demo's commands", () => {
  it('make, move, copy, change and remove', () => {
    const files = new DemoFiles();
    const script = [
      'mkdir a',
      'echo hello > a/x',
      'echo again >> a/x',
      'cp a/x a/y',
      'mv a/y notes',
      'chmod 600 a/x',
      'cat notes/y',
      'ls -l a',
      'rm -r a',
      'ls',
    ];
    const said = script.map((line) => run(line, files));
    expect(said.every(({ code }) => code === 0)).toBe(true);
    expect(said[6]!.output).toBe('hello\nagain\n');
    expect(said[7]!.output).toMatch(/^-rw------- 1 guest guest +12 .* x\n$/);
    expect(said[9]!.output).not.toContain('a ');
  });

  it.each([
    ['sh', 127],
    ['bash -c id', 127],
    ['constructor', 127],
    ['cat /etc/passwd', 1],
    ['cat ../../../../etc/passwd', 1],
    ['rm notes', 1],
    ['rmdir notes', 1],
    ['chmod u+s README.txt', 1],
    ['mv README.txt', 1],
    ['echo x >', 1],
    ['mkdir', 1],
  ])('%j is refused', (line, code) => {
    const outcome = run(line);
    expect(outcome.code).toBe(code);
    expect(outcome.output).not.toBe('');
  });

  it('are never near a program or a file of this machine', () => {
    const folder = join(import.meta.dirname, '../../src/node');
    for (const name of readdirSync(folder).filter((file) => /^demo-(?!peer)/.test(file)))
      expect(readFileSync(join(folder, name), 'utf8')).not.toMatch(
        /child_process|node:(fs|os|vm|process|worker)|\beval\b|process\./,
      );
  });
});
