// Servers that mean no good, or know no better: each is refused in time and in bounded memory.
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { trimmedValue } from '../../../src/client/http/field-value.ts';
import { failureOf, type Lab, serveRaw } from './lab.ts';

let lab: Lab;

afterEach(() => lab.stop());

const HEAD = 'HTTP/1.1 200 OK\r\n';

/** What fetch makes of a server that says this and ends the connection. */
async function answered(bytes: string | Uint8Array): Promise<Response> {
  lab = await serveRaw((socket) => socket.end(bytes));
  return lab.get('/');
}

/** A server that says this over and over, for as long as one listens. */
async function endless(first: string, again: string): Promise<void> {
  lab = await serveRaw((socket) => {
    socket.write(first);
    repeat(socket, again);
  });
}

function repeat(socket: Socket, bytes: string): void {
  if (!socket.destroyed && socket.write(bytes)) setImmediate(repeat, socket, bytes);
  else socket.once('drain', () => repeat(socket, bytes));
}

describe('an answer that two readers could cut in different places', () => {
  const chunk = '5\r\nhello\r\n0\r\n\r\n';

  it.each([
    [
      'both Content-Length and Transfer-Encoding',
      `Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`,
    ],
    ['both, the other way round', `Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n${chunk}`],
    ['differing Content-Lengths', 'Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!'],
    ['a list of Content-Lengths', 'Content-Length: 5, 6\r\n\r\nhello!'],
    ['a Content-Length with a sign', 'Content-Length: +5\r\n\r\nhello'],
    ['a negative Content-Length', 'Content-Length: -5\r\n\r\nhello'],
    ['a Content-Length beyond 64 bits', 'Content-Length: 99999999999999999999999\r\n\r\nhello'],
    ['a coding that is not chunked', 'Transfer-Encoding: gzip, chunked\r\n\r\n'],
    ['chunked twice', `Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`],
    ['a space before the colon', 'Content-Length : 5\r\n\r\nhello'],
    ['a line that is folded', 'X-A: b\r\n c\r\nContent-Length: 5\r\n\r\nhello'],
    ['bare line feeds', 'Content-Length: 5\nX-A: b\n\nhello'],
    ['a NUL in a value', 'X-A: b\0c\r\n\r\n'],
    ['a NUL in a name', 'X\0A: b\r\n\r\n'],
    ['a bare carriage return in a value', 'X-A: b\rContent-Length: 5\r\n\r\nhello'],
    ['a tab before the colon', 'Content-Length\t: 5\r\n\r\nhello'],
    ['a name with a space in it', 'X A: b\r\nContent-Length: 5\r\n\r\nhello'],
    ['a line without a colon', 'Content-Length 5\r\n\r\nhello'],
    ['a name of no characters', ': b\r\n\r\n'],
    ['a space before the first field', ' Content-Length: 5\r\n\r\nhello'],
    ['the same Content-Length twice', 'Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello'],
    ['a Content-Length in hexadecimal', 'Content-Length: 0x5\r\n\r\nhello'],
    ['a Content-Length of two numbers', 'Content-Length: 5 6\r\n\r\nhello!'],
    ['a Content-Length that is empty', 'Content-Length:\r\n\r\nhello'],
    ['chunked before another coding', 'Transfer-Encoding: chunked, identity\r\n\r\n'],
    ['chunked by another name', 'Transfer-Encoding: xchunked\r\n\r\n'],
    ['chunked with a parameter', `Transfer-Encoding: chunked;q=1\r\n\r\n${chunk}`],
    ['chunked in quotes', `Transfer-Encoding: "chunked"\r\n\r\n${chunk}`],
    ['chunked and a vertical tab', `Transfer-Encoding: \x0bchunked\r\n\r\n${chunk}`],
    ['chunked and a space that is none', `Transfer-Encoding: chunked\xa0\r\n\r\n${chunk}`],
    ['two codings in two fields', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n'],
  ])('%s', async (_, rest) => {
    const bytes = Buffer.from(HEAD + rest, 'latin1');
    expect(await failureOf(answered(bytes))).toMatchObject({ code: 'ERR_HTTP' });
  });
});

describe('what is no answer', () => {
  it.each([
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
    ['HTTP/0.9', 'hello\r\n\r\n'],
    ['HTTP/2', 'HTTP/2.0 200 OK\r\n\r\n'],
    ['a status below all others', 'HTTP/1.1 099 X\r\n\r\n'],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['a NUL in what the status says', 'HTTP/1.1 200 O\0K\r\n\r\n'],
    ['a bare carriage return in what the status says', 'HTTP/1.1 200 O\rK\r\n\r\n'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
    ['a protocol nobody asked for', 'HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'],
    ['nothing', ''],
    ['half a header', 'HTTP/1.1 200 OK\r\nContent-'],
  ])('%s', async (_, bytes) => {
    expect(await failureOf(answered(bytes))).toMatchObject({ code: 'ERR_HTTP' });
  });
});

describe('a header bomb', () => {
  it('in size: one field without end', async () => {
    await endless(`${HEAD}X-A: `, 'a'.repeat(10_000));
    expect((await failureOf(lab.get('/'))).message).toContain('65536 bytes');
  });

  it('in number: fields without end', async () => {
    await endless(HEAD, 'A: b\r\n'.repeat(10));
    expect((await failureOf(lab.get('/'))).message).toContain('2000 fields');
  });

  it('in names: a name without end', async () => {
    await endless(HEAD, 'a'.repeat(10_000));
    expect((await failureOf(lab.get('/'))).message).toContain('65536 bytes');
  });

  it('in a status line without end', async () => {
    await endless('HTTP/1.1 200 ', 'a'.repeat(10_000));
    expect((await failureOf(lab.get('/'))).message).toContain('65536 bytes');
  });

  it('of empty lines before the answer', async () => {
    await endless('', '\r\n'.repeat(5000));
    expect((await failureOf(lab.get('/'))).message).toContain('65536 bytes');
  });

  it('in trailers', async () => {
    await endless(`${HEAD}Transfer-Encoding: chunked\r\n\r\n0\r\n`, 'A: b\r\n'.repeat(10));
    const response = await lab.get('/');
    expect((await failureOf(response.text())).code).toBe('ERR_HTTP');
  });

  it('but 200 fields and 60,000 bytes are an answer', async () => {
    const fields = Array.from({ length: 200 }, (_, i) => `X-${i}: ${'v'.repeat(280)}\r\n`).join('');
    const response = await answered(`${HEAD}${fields}Content-Length: 2\r\n\r\nok`);
    expect(await response.text()).toBe('ok');
    expect(response.headers.get('x-199')).toHaveLength(280);
  });
});

it('1,900 fields are an answer', async () => {
  const fields = Array.from({ length: 1900 }, (_, i) => `X-${i}: v\r\n`).join('');
  const response = await answered(`${HEAD}${fields}Content-Length: 2\r\n\r\nok`);
  expect(await response.text()).toBe('ok');
  expect([...response.headers]).toHaveLength(1901);
});

it.each([600, 999])(
  'a status %i, which there is not, is an answer that is not ok (RFC 9110 §15)',
  async (status) => {
    const response = await answered(`HTTP/1.1 ${status} Denied\r\nContent-Length: 2\r\n\r\nno`);
    for (const { status: told, ok, statusText } of [response, response.clone()])
      expect([told, ok, statusText]).toEqual([status, false, 'Denied']);
    expect(await response.text()).toBe('no');
  },
);

it('a chunk that is none errors the body behind the chunks before it, though all came with the head', async () => {
  const response = await answered(`${HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nXX\r\n`);
  expect(response.status).toBe(200);
  const reader = response.body!.getReader();
  expect(String.fromCharCode(...(await reader.read()).value!)).toBe('hi');
  expect(await failureOf(reader.read())).toMatchObject({ code: 'ERR_HTTP' });
  expect((await (await lab.get('/')).body!.getReader().read()).value).toHaveLength(2);
  expect(lab.connections()).toBe(2);
});

describe('white space', () => {
  it('in the middle of a value, as much as fits, takes no time', async () => {
    const response = await answered(`${HEAD}X-A: a${' \t'.repeat(30_000)}b\r\nContent-Length: 2\r\n\r\nok`);
    const before = performance.now();
    expect(await response.text()).toBe('ok');
    expect(trimmedValue(response.headers.get('x-a')!)).toHaveLength(60_002);
    expect(performance.now() - before).toBeLessThan(200);
  });
});

describe('informational answers', () => {
  it('without end are refused', async () => {
    await endless('', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n');
    expect((await failureOf(lab.get('/'))).message).toContain('16 informational');
  });
});

describe('chunks', () => {
  const chunked = `${HEAD}Transfer-Encoding: chunked\r\n\r\n`;

  it.each([
    ['a size that is none', 'xyz\r\nhello\r\n'],
    ['a negative size', '-5\r\nhello\r\n'],
    ['a size beyond 64 bits', 'fffffffffffffffff\r\nhello\r\n'],
    ['a size with 0x', '0x5\r\nhello\r\n'],
    ['a size before a bare line feed', '5\nhello\r\n0\r\n\r\n'],
    ['an extension with a bare line feed', '5;a=b\nhello\r\n0\r\n\r\n'],
    ['an extension with a bare carriage return', '5;a=b\rhello\r\n0\r\n\r\n'],
    ['a size of no digits', '\r\nhello\r\n0\r\n\r\n'],
    ['data that end with a bare line feed', '5\r\nhello\n0\r\n\r\n'],
    ['a last chunk that ends with a bare line feed', '5\r\nhello\r\n0\n\n'],
    ['no line end after the data', '5\r\nhello0\r\n\r\n'],
    ['more data than it says', '2\r\nhello\r\n0\r\n\r\n'],
    ['an end in the middle', '5\r\nhe'],
    ['an end before the last chunk', '5\r\nhello\r\n'],
  ])('%s', async (_, rest) => {
    const reading = answered(chunked + rest).then((response) => response.text());
    expect(await failureOf(reading)).toMatchObject({ code: 'ERR_HTTP' });
  });

  it('with an extension without end are refused', async () => {
    await endless(`${chunked}5;a=`, 'b'.repeat(10_000));
    const reading = lab.get('/').then((response) => response.text());
    expect(await failureOf(reading)).toMatchObject({ code: 'ERR_HTTP' });
  });

  it('of one byte each are one body', async () => {
    const response = await answered(`${chunked}${'1\r\na\r\n'.repeat(30_000)}0\r\n\r\n`);
    expect(await response.text()).toBe('a'.repeat(30_000));
  });
});

describe('an end that comes early', () => {
  it('fails the body that had a length', async () => {
    const response = await answered(`${HEAD}Content-Length: 10\r\n\r\nhello`);
    expect(response.status).toBe(200);
    expect(await failureOf(response.text())).toMatchObject({ code: 'ERR_HTTP' });
  });
});

describe('Transfer-Encoding in HTTP/1.0', () => {
  it('is read, and the connection not used again, whatever it says', async () => {
    const head = 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n';
    lab = await serveRaw((socket) => socket.write(`${head}2\r\nok\r\n0\r\n\r\n`));
    for (let time = 0; time < 2; time++) expect(await (await lab.get('/')).text()).toBe('ok');
    expect(lab.connections()).toBe(2);
  });
});

describe('bytes that nobody asked for', () => {
  const answer = `${HEAD}Content-Length: 2\r\n\r\nok`;

  it('right after the answer: the answer is right, the connection is not used again', async () => {
    lab = await serveRaw((socket) => socket.write(`${answer}${HEAD}Content-Length: 4\r\n\r\nevil`));
    expect(await (await lab.get('/1')).text()).toBe('ok');
    expect(await (await lab.get('/2')).text()).toBe('ok');
    expect(lab.connections()).toBe(2);
  });

  it('later, while nobody uses the connection: neither', async () => {
    let sent!: () => void;
    const junk = new Promise<void>((resolve) => (sent = resolve));
    lab = await serveRaw((socket, request) => {
      socket.write(answer);
      if (!request.startsWith('GET /1')) return;
      socket.on('close', sent).on('end', () => socket.end());
      setImmediate(() => setImmediate(() => socket.write(`${HEAD}Content-Length: 4\r\n\r\nevil`)));
    });
    expect(await (await lab.get('/1')).text()).toBe('ok');
    await junk;
    expect(await (await lab.get('/2')).text()).toBe('ok');
    expect(lab.connections()).toBe(2);
  });
});

describe('a server that takes its time', () => {
  const tunnel = { headersTimeout: 80, bodyTimeout: 80 };

  it('byte by byte in its header has no longer for that', async () => {
    lab = await serveRaw((socket) => {
      socket.write(HEAD);
      const timer = setInterval(() => socket.write('X'), 10);
      socket.on('close', () => clearInterval(timer));
    });
    expect(await failureOf(lab.get('/', { tunnel }))).toMatchObject({ code: 'ERR_TIMEOUT' });
  });

  it('in its body is not waited for longer than `bodyTimeout`', async () => {
    lab = await serveRaw((socket) => socket.write(`${HEAD}Content-Length: 10\r\n\r\nhello`));
    const response = await lab.get('/', { tunnel });
    expect(await failureOf(response.text())).toMatchObject({ code: 'ERR_TIMEOUT' });
  });
});
