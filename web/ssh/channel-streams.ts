/** A channel of SSH as two streams of the web: what HTTP is spoken over. */
import { Buffer } from 'buffer';
import type { ClientChannel } from 'ssh2';
import type { SshConnection } from './connection.ts';
import { connectionLost } from './sftp-error.ts';

/** Bytes that wait for a reader until the channel is held. */
const READ_AHEAD = 64 * 1024;

type Bytes = Uint8Array<ArrayBuffer>;

interface Streams {
  readable: ReadableStream<Bytes>;
  writable: WritableStream<BufferSource>;
}

type Carrier = Pick<SshConnection, 'isOver' | 'closed'>;

/** What ends with the connection that carries the channel has no good end. */
export function streamsOf(channel: ClientChannel, connection: Carrier): Streams {
  channel.on('error', () => {}); // its end is told by 'close'
  return { readable: readableOf(channel, connection), writable: writableOf(channel, connection) };
}

function readableOf(channel: ClientChannel, connection: Carrier): ReadableStream<Bytes> {
  let isOver = false;
  const source: UnderlyingDefaultSource<Bytes> = {
    start: (controller) => {
      const end = () => {
        if (isOver) return;
        isOver = true;
        if (connection.isOver) controller.error(connectionLost());
        else controller.close();
      };
      channel.on('data', (bytes: Buffer) => {
        if (isOver) return;
        controller.enqueue(new Uint8Array(bytes));
        if (controller.desiredSize! <= 0) channel.pause();
      });
      channel.once('end', end);
      channel.once('close', end);
      channel.pause();
    },
    pull: () => void channel.resume(),
    cancel: () => {
      isOver = true;
      channel.close();
      // Nobody reads what comes until the other side has closed it, too.
      channel.resume();
    },
  };
  return new ReadableStream(source, new ByteLengthQueuingStrategy({ highWaterMark: READ_AHEAD }));
}

function writableOf(channel: ClientChannel, { closed }: Carrier): WritableStream<BufferSource> {
  let isOver = false;
  /** Ends the write that is under way: of a channel that is over, ssh2 calls nobody back. */
  let fail = () => {};
  const over = () => {
    isOver = true;
    fail();
  };
  channel.once('close', over);
  void closed.then(over);
  return new WritableStream({
    write: (chunk) =>
      new Promise((resolve, reject) => {
        fail = () => reject(connectionLost());
        if (isOver) fail();
        else channel.write(bufferOf(chunk), (error) => (error ? fail() : resolve()));
      }),
    close: () => void channel.end(),
    abort: () => void channel.end(),
  });
}

function bufferOf(chunk: BufferSource): Buffer {
  return ArrayBuffer.isView(chunk)
    ? Buffer.from(chunk.buffer as ArrayBuffer, chunk.byteOffset, chunk.byteLength)
    : Buffer.from(chunk as ArrayBuffer);
}
