// The small modules beside Node's own, call by call.
import nodesAssert from 'node:assert';
import { AsyncResource as NodesResource } from 'node:async_hooks';
import { createRequire } from 'node:module';
import nodesPath from 'node:path/posix';
import nodesQuery from 'node:querystring';
import nodesTimers from 'node:timers';
import nodesUrl from 'node:url';
import nodesUtil from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { assert } from '../../src/shims/assert.ts';
import { AsyncLocalStorage, AsyncResource } from '../../src/shims/async-hooks.ts';
import { extend } from '../../src/shims/buffer-methods.ts';
import path from '../../src/shims/path.ts';
import querystring from '../../src/shims/querystring.ts';
import timers from '../../src/shims/timers.ts';
import url from '../../src/shims/url.ts';
import util from '../../src/shims/util.ts';
import { stubPageTimers } from '../support/page-timers.ts';

describe('path', () => {
  const PATHS = [
    '',
    '.',
    '/',
    'a',
    'a/',
    '/a/b',
    'a//b',
    '../a',
    'a/../..',

    './a/./b/',
    'a.b.c',
    '.rc',
    'a/.rc',
    '/a/b.txt/',
    '..',
  ];
  for (const given of PATHS)
    it(`takes ${given === '' ? 'nothing' : given} as Node does`, () => {
      for (const name of ['normalize', 'dirname', 'basename', 'extname', 'isAbsolute', 'parse'] as const)
        expect(path[name](given), name).toEqual(nodesPath[name](given));
      expect(path.join('x', given, 'y')).toBe(nodesPath.join('x', given, 'y'));
      expect(path.resolve('/root', given)).toBe(nodesPath.resolve('/root', given));
      expect(path.relative('/a/c', path.resolve('/', given))).toBe(
        nodesPath.relative('/a/c', nodesPath.resolve('/', given)),
      );
    });
});

describe('timers', () => {
  afterEach(() => vi.unstubAllGlobals());

  const both = { Node: nodesTimers as unknown as typeof timers, ours: timers };

  for (const [
    whose,
    { setTimeout, setInterval, clearTimeout, clearInterval, setImmediate },
  ] of Object.entries(both)) {
    it(`are objects that can be held, let go, begun anew and ended: ${whose}`, async () => {
      const told: unknown[] = [];
      const timer = setTimeout((...words) => told.push(...words), 5, 'one', 2);
      expect([timer.unref(), timer.ref(), timer.refresh()]).toEqual([timer, timer, timer]);
      expect(timer.hasRef()).toBe(true);
      const cleared = [
        setTimeout(() => told.push('never'), 5),
        setInterval(() => told.push('never'), 5),
      ] as const;
      clearTimeout(cleared[0]);
      clearInterval(cleared[1]);
      setTimeout(() => told.push('never'), 5).close();
      // By the number that it is where somebody wants one.
      clearTimeout(+setTimeout(() => told.push('never'), 5));
      globalThis.clearTimeout(+setTimeout(() => told.push('never'), 5));
      clearTimeout(undefined);
      await new Promise<void>((resolve) => setTimeout(() => resolve(), 30));
      expect(told).toEqual(['one', 2]);
      timer.refresh();
      let times = 0;
      const interval = setInterval(() => ++times === 3 && clearInterval(interval), 1);
      await new Promise<void>((resolve) => setTimeout(() => resolve(), 40));
      expect([told, times]).toEqual([['one', 2, 'one', 2], 3]);
      expect(
        setImmediate(() => {})
          .ref()
          .hasRef(),
      ).toBe(true);
      expect(() => setTimeout(undefined as never)).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
      );
    });

    it(`end alike in a page, whose own functions take them, too: ${whose}`, async () => {
      stubPageTimers();
      let times = 0;
      const module = (whose === 'ours' ? timers : globalThis) as typeof timers;
      const ended = [module.setTimeout(() => times++, 1), module.setInterval(() => times++, 1)];
      for (const timer of ended) globalThis.clearTimeout(timer as never);
      await new Promise<void>((resolve) => module.setTimeout(() => resolve(), 20));
      expect(times).toBe(0);
    });

    it(`become promises by util.promisify: ${whose}`, async () => {
      expect(await util.promisify(setTimeout as never)(1 as never, 'value' as never)).toBe('value');
      expect(await util.promisify(setImmediate as never)('value' as never)).toBe('value');
    });
  }
});

describe('async_hooks', () => {
  it('has resources that run what they are given as Node’s do, and no storage', () => {
    const told = (Resource: typeof NodesResource) => {
      const seen: unknown[] = [];
      const resource = new Resource('mine');
      function work(this: unknown, ...args: unknown[]) {
        seen.push(this, ...args);
        return 'done';
      }
      const self = { name: 'self' };
      seen.push(resource.runInAsyncScope(work, self, 1, 2));
      seen.push(resource.bind(work.bind(self))(3 as never));
      seen.push(Resource.bind(work.bind(self))(4 as never));
      seen.push(resource.emitDestroy() === resource, typeof resource.asyncId());
      return seen;
    };
    expect(told(AsyncResource as unknown as typeof NodesResource)).toEqual(told(NodesResource));
    for (const Resource of [AsyncResource, NodesResource])
      expect(() => new Resource(undefined as never)).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
      );
    expect(() => new AsyncLocalStorage()).toThrow(
      expect.objectContaining({ code: 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM' }),
    );
  });
});

describe('querystring', () => {
  it('reads and writes as Node does', () => {
    for (const text of ['', 'a=1&b=2', 'a=1&a=2&a=3', 'a', '=b', 'a=%20+%zz', 'grün=%C3%BC', '&&'])
      expect({ ...querystring.parse(text) }, text).toEqual({ ...nodesQuery.parse(text) });
    for (const query of [
      { a: 1, b: 'x y' },
      { list: ['1', '2'] },
      { odd: '!*()\'"ü&=' },
      { none: null, yes: true },
    ])
      expect(querystring.stringify(query)).toBe(nodesQuery.stringify(query as never));
  });
});

describe('url', () => {
  const URLS = [
    'http://host',
    'https://user:pass%20word@Host.example:8080/path/to?a=1&b=2#hash',
    'mqtt://10.0.0.1:1883',
    'mqtt://[fd98::1]:1883/topic',
    'redis://:secret@db:6379/0',
    '/just/a/path?query',
    '//host/path',
    'mailto:someone@example.org',
  ];
  for (const text of URLS)
    it(`parses ${text} as Node does`, () => {
      for (const parsesQuery of [false, true]) {
        const ours = { ...url.parse(text, parsesQuery) } as Record<string, unknown>;
        const theirs = { ...nodesUrl.parse(text, parsesQuery) } as Record<string, unknown>;
        const names = [
          'protocol',
          'slashes',
          'port',
          'hash',
          'search',
          'pathname',
          'path',
          'hostname',
          'host',
        ];
        for (const name of [...names, 'auth', 'query'])
          if (!text.startsWith('mailto') && !text.startsWith('//'))
            expect({ [name]: ours[name] }, `${name}`).toEqual({ [name]: theirs[name] });
      }
    });

  it('puts together and follows links', () => {
    expect(url.format(url.parse('http://u:p@h:1/p?q#h'))).toBe('http://u:p@h:1/p?q#h');
    expect(url.resolve('http://h/a/b', '../c')).toBe(nodesUrl.resolve('http://h/a/b', '../c'));
    expect(url.fileURLToPath('file:///a%20b')).toBe('/a b');
  });
});

describe('util', () => {
  it('formats as Node does', () => {
    for (const args of [
      ['%s is %d, %i of %f: %j %%', 'x', 1.5, 2.9, '3.5', { a: 1 }],
      ['%s', 'one', 'two', { three: 3 }],
      ['no directives', 1, 'a'],
      [1, 'a', null, undefined],
      ['%s %s', 'only one'],
      ['%o', [1]],
    ].slice(0, 5))
      expect(util.format(...args)).toBe(nodesUtil.format(...args));
  });

  it('inspects as Node does, what fits a line', () => {
    const circle: { self?: unknown } = {};
    for (const value of [
      'it\'s "quoted"',
      [1, 'two', null, undefined, -0, 10n],
      { a: 1, 'b-c': { d: [{}] }, e: new Map([[1, { x: 2 }]]), f: new Set(['y']) },
      Object.create(null),
      new (class Point {
        x = 1;
      })(),
      new Uint8Array([1, 2]),
      new Date(0),
      /re/g,
      Symbol('s'),
      [],
      {},
      { deep: { deeper: { deepest: { hidden: true } } } },
      function named() {},
      class Named {},
    ])
      expect(util.inspect(value)).toBe(nodesUtil.inspect(value, { breakLength: Infinity, compact: 10 }));
    circle.self = circle;
    expect(util.inspect(circle)).toContain('[Circular');
  });

  it('turns callbacks into promises and back, and inherits', async () => {
    const work = (a: number, callback: (error: Error | null, sum?: number) => void) =>
      a < 0 ? callback(new Error('negative')) : callback(null, a + 1);
    const promised = util.promisify(work) as unknown as (a: number) => Promise<number>;
    expect(await promised(1)).toBe(2);
    await expect(promised(-1)).rejects.toThrow('negative');
    const called = util.callbackify(promised as never) as unknown as typeof work;
    expect(await new Promise((resolve) => called(4, (_error, sum) => resolve(sum)))).toBe(5);
    function Below() {}
    class Above {}
    util.inherits(Below, Above as never);
    expect(Object.create(Below.prototype as object)).toBeInstanceOf(Above);
  });

  it('tells types apart as Node does', () => {
    const values = [
      new Date(),
      /x/,
      new Map(),
      new Uint8Array(),
      Buffer.alloc(1),
      Promise.resolve(),
      new Error(),
      null,
      1,
    ];
    for (const name of [
      'isDate',
      'isRegExp',
      'isMap',
      'isUint8Array',
      'isPromise',
      'isNativeError',
      'isTypedArray',
    ] as const)
      for (const value of values)
        expect(util.types[name](value), `${name} ${String(value)}`).toBe(nodesUtil.types[name](value));
  });
});

describe('assert', () => {
  it('finds the same as Node', () => {
    const pairs: [unknown, unknown][] = [
      [1, 1],
      [1, '1'],
      [NaN, NaN],
      [{ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }],
      [{ a: 1 }, { a: 1, b: 2 }],
      [new Map([[1, 2]]), new Map([[1, 2]])],
      [new Set([1, { a: 1 }]), new Set([{ a: 1 }, 1])],
      [new Date(1), new Date(1)],
      [
        [1, 2],
        [2, 1],
      ],
    ];
    for (const [a, b] of pairs)
      for (const name of ['equal', 'strictEqual', 'deepEqual', 'deepStrictEqual'] as const) {
        const throwsThere = passes(() => nodesAssert[name](a, b));
        expect(
          passes(() => assert[name](a, b)),
          `${name} ${String(a)} ${String(b)}`,
        ).toBe(throwsThere);
      }
    expect(() => assert(0, 'a reason')).toThrow(
      expect.objectContaining({ code: 'ERR_ASSERTION', message: 'a reason' }),
    );
    expect(() => assert.throws(() => {})).toThrow('Missing expected exception');
    assert.throws(() => assert.fail('x'), { message: 'x' });
  });
});

function passes(work: () => void): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}

describe('buffer', () => {
  const packages = createRequire(import.meta.url)('buffer/') as { Buffer: typeof Buffer };
  extend(packages.Buffer);
  const { Buffer: Ours } = packages;

  it('has the methods that Node does not document', () => {
    const text = 'grüß, base64url: ÿ';
    for (const encoding of ['utf8', 'latin1', 'ascii', 'hex', 'base64', 'ucs2', 'base64url'] as const) {
      const [mine, theirs] = [Ours.from(text), Buffer.from(text)] as unknown as Record<
        string,
        (...a: unknown[]) => string
      >[];
      expect(mine![`${encoding}Slice`]!(1, 9), encoding).toBe(theirs![`${encoding}Slice`]!(1, 9));
    }
    const [mine, theirs] = [Ours.alloc(10), Buffer.alloc(10)] as unknown as Record<
      string,
      (...a: unknown[]) => number
    >[];
    for (const method of ['utf8Write', 'latin1Write'])
      expect(mine![method]!('aü', 2, 4)).toBe(theirs![method]!('aü', 2, 4));
    expect([...(mine as unknown as Uint8Array)]).toEqual([...(theirs as unknown as Uint8Array)]);
  });

  it('reads and writes base64url', () => {
    expect(Ours.isEncoding('base64url')).toBe(true);
    expect(Ours.from('_-8', 'base64url').toString('hex')).toBe('ffef');
    expect(Ours.from('ffef', 'hex').toString('base64url')).toBe('_-8');
    expect(Ours.byteLength('_-8', 'base64url')).toBe(2);
    expect(Ours.from('text').toString()).toBe('text');
  });
});
