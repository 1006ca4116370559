import { describe, expect, it } from 'vitest';
import { DEMO_HOME, DemoFiles } from '../../src/node/demo-files.ts';

const bytes = (text: string) => Buffer.from(text);

describe("the demo's files", () => {
  it('stay inside: no path leads out of the root', () => {
    expect(DemoFiles.resolve('/home/guest', '../../../../etc/../x')).toBe('/x');
    expect(DemoFiles.resolve('/a', './/b/./c/')).toBe('/a/b/c');
    const files = new DemoFiles();
    expect(() => files.get('/etc/passwd')).toThrow('No such file');
    expect(files.readText('/etc/hostname')).toBe('demo\n');
  });

  it('are written, read, grown with zeros, and cut', () => {
    const files = new DemoFiles({ now: () => 5000 });
    const file = files.create('/tmp/a');
    files.write(file, 3, bytes('def'));
    expect(files.read(file, 0, 100).toString('latin1')).toBe('\0\0\0def');
    files.write(file, 0, bytes('abc'));
    expect(files.readText('/tmp/a')).toBe('abcdef');
    files.truncate(file, 2);
    files.truncate(file, 4);
    expect(files.readText('/tmp/a')).toBe('ab\0\0');
    expect(files.read(file, 4, 10)).toHaveLength(0);
    expect(files.read(file, 400, 10)).toHaveLength(0);
    expect(file.modified).toBe(5000);
  });

  it('say why something cannot be, as errno does', () => {
    const files = new DemoFiles();
    expect(() => files.makeFolder('/tmp')).toThrow('File exists');
    expect(() => files.folder(`${DEMO_HOME}/README.txt`)).toThrow('Not a directory');
    expect(() => files.get(`${DEMO_HOME}/README.txt/x`)).toThrow('Not a directory');
    expect(() => files.file('/tmp')).toThrow('Is a directory');
    expect(() => files.remove(DEMO_HOME)).toThrow('Directory not empty');
    expect(() => files.create('/tmp')).toThrow('Is a directory');
    expect(() => files.create('/etc/motd', { exclusive: true })).toThrow('File exists');
    expect(() => files.rename('/home', '/home/guest/x')).toThrow('Invalid argument');
    expect(() => files.rename('/etc/motd', '/etc/hostname')).toThrow('File exists');
    expect(() => files.remove('/')).toThrow();
    expect(() => files.makeFolder(`/tmp/${'x'.repeat(256)}`)).toThrow('Invalid argument');
  });

  it('are no more bytes than they may be, and those of a removed file are free again', () => {
    const files = new DemoFiles({ maxBytes: 10_000 });
    const file = files.create('/tmp/big');
    expect(() => files.write(file, 0, Buffer.alloc(10_001))).toThrow('No space left');
    expect(() => files.truncate(file, 1e15)).toThrow('No space left');
    expect(() => files.write(file, Number.MAX_SAFE_INTEGER, bytes('x'))).toThrow('Invalid argument');
    for (let turn = 0; turn < 5; turn++) {
      files.write(files.create('/tmp/big'), 0, Buffer.alloc(8000));
      expect(() => files.write(files.create('/tmp/more'), 0, Buffer.alloc(8000))).toThrow('No space left');
      files.remove('/tmp/big');
    }
    files.makeFolder('/tmp/deep');
    files.write(files.create('/tmp/deep/a'), 0, Buffer.alloc(8000));
    files.remove('/tmp/deep', { all: true });
    files.write(files.create('/tmp/big'), 0, Buffer.alloc(8000));
  });

  it('are no more than 2000 names', () => {
    const files = new DemoFiles();
    const make = () => {
      for (let i = 0; i < 3000; i++) files.create(`/tmp/${i}`);
    };
    expect(make).toThrow('No space left');
    expect(files.folder('/tmp').entries.size).toBeGreaterThan(1900);
    files.remove('/tmp/0');
    files.create('/tmp/again');
  });
});
