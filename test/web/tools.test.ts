import { describe, expect, it, vi } from 'vitest';
import type { TunnelRequestInit } from '../../src/index.ts';
import { dataText, zoneLine } from '../../web/tools/dns-text.ts';
import { prettyJson, readBody } from '../../web/tools/http-body.ts';
import { type HttpQuestion, HttpRun } from '../../web/tools/http-run.ts';
import { typesFor, withoutRepeats } from '../../web/tools/lookup-run.ts';
import { mtuMeaning } from '../../web/tools/mtu-run.ts';
import { MAX_PORTS, readPorts } from '../../web/tools/port-list.ts';
import { countStates } from '../../web/tools/port-run.ts';
import { endingOf } from '../../web/tools/trace-run.ts';

vi.stubGlobal('addEventListener', vi.fn());
vi.stubGlobal('removeEventListener', vi.fn());

const bytes = (text: string) => new TextEncoder().encode(text);

describe('a list of ports', () => {
  it('takes numbers and ranges in any order, each port once', () => {
    expect(readPorts('443, 22 80-82;81').ports).toEqual([22, 80, 81, 82, 443]);
    expect(readPorts('65535').ports).toEqual([65_535]);
  });

  it.each(['0', '65536', '80-79', 'ssh', '-1', '1.5', '99999999999'])('refuses %s and names it', (text) => {
    const { ports, problem } = readPorts(text);
    expect(ports).toEqual([]);
    expect(problem).toContain(`“${text}”`);
  });

  it('is bounded', () => {
    expect(readPorts(`1-${MAX_PORTS}`).ports).toHaveLength(MAX_PORTS);
    expect(readPorts(`1-${MAX_PORTS + 1}`).problem).toContain('more than 256');
    expect(readPorts('1-65535').problem).toContain('more than 256');
    expect(readPorts(' , ').problem).toContain('Which ports?');
  });

  it('is summed up by state', () => {
    const results = [1, 2, 3].map((port) => ({ port, state: 'filtered' as const }));
    expect(countStates([...results, { port: 4, state: 'closed' }])).toBe('0 open, 1 closed, 3 filtered');
  });
});

describe('a record as a zone file writes it', () => {
  const name = 'a.example';
  const common = { name, ttl: 60 };

  it('has owner, time to live, class, type and data', () => {
    expect(zoneLine({ ...common, type: 'A', address: '10.0.0.1' })).toBe('a.example. 60 IN A 10.0.0.1');
    expect(zoneLine({ ...common, type: 'OTHER', code: 99, data: new Uint8Array([1, 255]) })).toBe(
      'a.example. 60 IN TYPE99 \\# 2 01ff',
    );
  });

  it('escapes what a hostile answer could pretend with', () => {
    const data = [bytes('say "hi"\\'), new Uint8Array([27, 91, 10, 200])];
    expect(dataText({ ...common, type: 'TXT', strings: [], data })).toBe(
      '"say \\"hi\\"\\\\" "\\027[\\010\\200"',
    );
  });

  it('writes the parameters of service bindings, as far as they are known', () => {
    const params = [
      { key: 1, value: new Uint8Array([2, 104, 50, 2, 104, 51]) },
      { key: 3, value: new Uint8Array([32, 251]) },
      { key: 4, value: new Uint8Array([10, 0, 0, 1, 10, 0, 0, 2]) },
      { key: 77, value: new Uint8Array([1]) },
    ];
    expect(dataText({ ...common, type: 'HTTPS', priority: 1, target: '', params })).toBe(
      '1 . alpn="h2,h3" port=8443 ipv4hint=10.0.0.1,10.0.0.2 key77="\\001"',
    );
    const short = [{ key: 1, value: new Uint8Array([9, 104]) }];
    expect(dataText({ ...common, type: 'SVCB', priority: 1, target: 'x', params: short })).toBe(
      '1 x. alpn=""',
    );
  });

  it('stands once, although an alias answers every question', () => {
    const alias = { ...common, type: 'CNAME' as const, target: 'b.example' };
    expect(withoutRepeats([alias, { ...alias, ttl: 59 }, { ...alias, target: 'c.example' }])).toHaveLength(2);
  });
});

describe('what is asked about a name', () => {
  it('is everything usual about a name, and the names of an address', () => {
    expect(typesFor('host.internal', 'usual')).toContain('AAAA');
    expect(typesFor('10.0.0.1', 'usual')).toEqual(['PTR']);
    expect(typesFor('fd00::1', 'usual')).toEqual(['PTR']);
    expect(typesFor('10.0.0.1', 'A')).toEqual(['A']);
  });
});

describe('the end of a trace', () => {
  const hop = { hop: 1, addresses: ['10.0.0.1'], rtts: [1], lost: 0, reached: false };

  it('says who stopped it, or that nobody spoke', () => {
    expect(endingOf([hop, { ...hop, hop: 2, reached: true }])).toBe('Reached in 2 hops.');
    expect(endingOf([{ ...hop, reason: 'prohibited' }])).toContain('10.0.0.1 says');
    expect(endingOf([{ ...hop, addresses: [], rtts: [], lost: 3 }])).toContain('Not reached in 1 hop');
  });
});

describe('a path MTU', () => {
  it('below the tunnel’s says what to write', () => {
    expect(mtuMeaning(1420, 1420)).toContain('whole');
    expect(mtuMeaning(1380, 1420)).toContain('MTU = 1380');
  });
});

describe('a request', () => {
  const head = (status: number, url = 'http://a/') => ({ url, status, statusText: '', headers: [] });
  const ask = async (answer: (init: TunnelRequestInit) => Response, question: Partial<HttpQuestion> = {}) => {
    const asked: { url: string; init: TunnelRequestInit }[] = [];
    const fetch = (url: RequestInfo | URL, init: TunnelRequestInit = {}) => {
      asked.push({ url: String(url), init });
      return Promise.resolve(answer(init));
    };
    const run = new HttpRun();
    const usual = { method: 'GET', url: 'a', headers: '', body: '' } as const;
    await run.ask({ fetch }, { ...usual, ...question }, (error) => ({
      sentence: (error as Error).message,
      copy: [],
    }));
    return { run, asked };
  };

  it('says what it was told to say, a body only where there may be one', async () => {
    const question = { url: '10.0.0.1/x', headers: 'X-A: b\n\n Host:  c ', body: 'hello' };
    const answer = (init: TunnelRequestInit) => {
      init.tunnel!.onHead!(head(100));
      init.tunnel!.onHead!(head(302));
      init.tunnel!.onHead!(head(200, 'http://b/'));
      return new Response('[1,{"a":2}]', { headers: { 'content-type': 'application/json' } });
    };
    const { run, asked } = await ask(answer, { ...question, method: 'POST' });
    expect(asked[0]).toMatchObject({
      url: 'http://10.0.0.1/x',
      init: {
        method: 'POST',
        body: 'hello',
        headers: [
          ['X-A', 'b'],
          ['Host', 'c'],
        ],
      },
    });
    expect(run.answer.value!.heads.map(({ status }) => status)).toEqual([302, 200]);
    expect(run.answer.value!.body).toEqual({
      kind: 'json',
      text: '[\n  1,\n  {\n    "a": 2\n  }\n]',
      isCut: false,
    });
    expect((await ask(answer, question)).asked[0]!.init).not.toHaveProperty('body');
  });

  it('that cannot be sent says which line is wrong', async () => {
    const never = () => new Response('');
    expect((await ask(never, { headers: 'no header' })).run.advice.value?.sentence).toContain('“no header”');
    expect((await ask(never, { url: 'a b' })).run.advice.value?.sentence).toContain('“a b” is no URL');
  });

  it('is not answered with more than a page can hold', async () => {
    const endless = () =>
      new Response(
        new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(8_000_000)) }),
      );
    expect((await ask(endless)).run.advice.value?.sentence).toContain('larger than 32 MB');
  });
});

describe('a body', () => {
  it('is laid out as JSON only if nothing of it changes by that', () => {
    expect(prettyJson('{"a":1}')).toBe('{\n  "a": 1\n}');
    expect(prettyJson('{"id":12345678901234567890}')).toBe('{"id":12345678901234567890}');
    expect(prettyJson('{"id":"12345678901234567890"}')).toContain('\n');
    expect(prettyJson('{')).toBeUndefined();
  });

  it('is text where it can be read, and bytes where it cannot', async () => {
    expect((await readBody(new Blob(['<b>']), 'text/html')).kind).toBe('text');
    expect((await readBody(new Blob([Uint8Array.of(0xff, 0xfe, 1)]), 'text/html')).kind).toBe('binary');
    expect((await readBody(new Blob(['a\0b']), 'text/plain')).kind).toBe('binary');
    expect((await readBody(new Blob([]), 'text/html')).kind).toBe('empty');
    expect((await readBody(new Blob(['{"a":1}']), 'text/plain')).kind).toBe('json');
    const long = await readBody(new Blob(['x'.repeat(1_000_000)]), 'text/plain');
    expect([long.text.length, long.isCut]).toEqual([200_000, true]);
  });
});
