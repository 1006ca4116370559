// Says when a relay has sent its first message.
import { SUBPROTOCOL } from '../../../../src/core/wire/relay.ts';

addEventListener(
  'message',
  ({ data }: MessageEvent<string>) => {
    const socket = new WebSocket(data, [SUBPROTOCOL]);
    socket.onmessage = () => {
      postMessage('welcome');
      socket.close();
    };
  },
  { once: true },
);
