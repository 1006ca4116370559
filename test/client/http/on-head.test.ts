// Who listens to heads may do what he likes: throw, abort, ask for more. The parser, which all requests share, comes to no harm.
import { afterEach, describe, expect, it } from 'vitest';
import type { ResponseHead } from '../../../src/client/http/response-head.ts';
import { type Lab, serveRaw } from './lab.ts';

let lab: Lab;

afterEach(() => lab.stop());

const HINT = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n';
const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';

/** A hint and an answer, in one packet. */
async function hinting(): Promise<void> {
  lab = await serveRaw((socket) => socket.write(HINT + ANSWER));
}

/** More often than there are connections to one origin: none may be lost on the way. */
const TIMES = 10;

describe.each([103, 200])('a listener to the head with status %d', (status) => {
  it('that throws fails its request with what it threw, and no other', async () => {
    await hinting();
    const mistake = new Error('a mistake of the listener');
    const onHead = (head: ResponseHead) => {
      if (head.status === status) throw mistake;
    };
    for (let time = 0; time < TIMES; time++)
      await expect(lab.get('/', { tunnel: { onHead } })).rejects.toBe(mistake);
    expect(await (await lab.get('/')).text()).toBe('hello');
  });

  it('that aborts ends its request with the reason, and no other', async () => {
    await hinting();
    const reason = new Error('enough');
    for (let time = 0; time < TIMES; time++) {
      const { signal, abort } = new Aborter();
      const seen: number[] = [];
      const onHead = (head: ResponseHead) => {
        seen.push(head.status);
        if (head.status === status) abort(reason);
      };
      await expect(lab.get('/', { signal, tunnel: { onHead } })).rejects.toBe(reason);
      expect(seen.at(-1)).toBe(status);
    }
    expect(await (await lab.get('/')).text()).toBe('hello');
  });

  it('may fetch something else', async () => {
    await hinting();
    const others: Promise<string>[] = [];
    const onHead = (head: ResponseHead) => {
      if (head.status === status) others.push(lab.get('/other').then((response) => response.text()));
    };
    expect(await (await lab.get('/', { tunnel: { onHead } })).text()).toBe('hello');
    expect(await Promise.all(others)).toEqual(['hello']);
  });
});

class Aborter extends AbortController {
  override readonly abort = (reason: unknown): void => super.abort(reason);
}
