// A WebSocket from the page, through the tunnel, to a server behind a real peer.
import { expect, openTunnel, test } from '../support/interop-test.ts';
import { INNER } from '../support/real-peer.ts';

test('a WebSocket says text and a megabyte, answers a ping and closes with its reason @core', async ({
  page,
  startLab,
}) => {
  const lab = await startLab();
  const server = lab.peer.namespace.start('node', ['--import', 'tsx', 'test/support/inner-websocket.ts']);
  await server.saw(/ready/);
  await openTunnel(page, lab);
  for (const host of [INNER.peer4, `[${INNER.peer6}]`]) {
    const seen = await page.evaluate(async (host) => {
      const socket = new window.tunnel.WebSocket(`ws://${host}:8081/`, ['echo']);
      socket.binaryType = 'arraybuffer';
      const messages: (string | ArrayBuffer)[] = [];
      const bytes = new Uint8Array(1_000_003).map((_, i) => i * 7);
      const close = await new Promise<CloseEvent>((resolve, reject) => {
        socket.onerror = ({ error }) => reject(error);
        socket.onclose = resolve;
        socket.onopen = () => {
          socket.send('grüß Gott');
          socket.send(bytes);
        };
        socket.onmessage = ({ data }) => {
          if (messages.push(data) === 2) socket.close(3001, 'enough');
        };
      });
      const echo = new Uint8Array(messages[1] as ArrayBuffer);
      return {
        protocol: socket.protocol,
        text: messages[0],
        isWhole: echo.length === bytes.length && echo.every((byte, i) => byte === bytes[i]),
        close: [close.wasClean, close.code, close.reason],
      };
    }, host);
    expect(seen).toEqual({
      protocol: 'echo',
      text: 'grüß Gott',
      isWhole: true,
      close: [true, 3001, 'enough'],
    });
  }
  await server.saw(/pong are you there[\s\S]*closed 3001 enough[\s\S]*closed 3001 enough/);
});

test('a WebSocket ends with whatever code either side says, with none, and without a word', async ({
  page,
  startLab,
}) => {
  const lab = await startLab({ files: [10] });
  const server = lab.peer.namespace.start('node', ['--import', 'tsx', 'test/support/inner-websocket.ts']);
  await server.saw(/ready/);
  await openTunnel(page, lab);
  const ends = await page.evaluate(async (host) => {
    const ended = (url: string, onOpen: (socket: InstanceType<typeof window.tunnel.WebSocket>) => void) =>
      new Promise<unknown[]>((resolve) => {
        const socket = new window.tunnel.WebSocket(url);
        const told: unknown[] = [];
        socket.onopen = () => onOpen(socket);
        socket.onmessage = ({ data }) => told.push(data);
        socket.onerror = () => told.push('error');
        socket.onclose = async ({ wasClean, code, reason }) => {
          const texts = told.map((each) => (each instanceof Blob ? each.text() : each));
          resolve([wasClean, code, reason, ...(await Promise.all(texts))]);
        };
      });
    const url = `ws://${host}:8081/`;
    return {
      ours: await ended(url, (socket) => socket.close(4999, 'ä'.repeat(61))),
      normal: await ended(url, (socket) => socket.close(1000)),
      none: await ended(url, (socket) => socket.close()),
      theirs: await ended(url, (socket) => socket.send('end 4001 too much')),
      goingAway: await ended(url, (socket) => socket.send('end 1001 ')),
      afterBlob: await ended(url, (socket) => {
        socket.send(new Blob(['one']));
        socket.send('end 3000 ');
      }),
      vanished: await ended(url, (socket) => socket.send('vanish')),
      noServer: await ended(`ws://${host}:8089/`, () => {}),
      noWebSocket: await ended(`ws://${host}/10.bin`, () => {}),
    };
  }, INNER.peer4);
  expect(ends).toEqual({
    ours: [true, 4999, 'ä'.repeat(61)],
    normal: [true, 1000, ''],
    none: [true, 1005, ''],
    theirs: [true, 4001, 'too much'],
    goingAway: [true, 1001, ''],
    afterBlob: [true, 3000, '', 'one'],
    vanished: [false, 1006, ''],
    noServer: [false, 1006, '', 'error'],
    noWebSocket: [false, 1006, '', 'error'],
  });
  await server.saw(/closed 4999 ä{61}\n[\s\S]*closed 1000 \n[\s\S]*closed 1005 \n/);
});
