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
