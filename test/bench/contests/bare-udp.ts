// Node's UDP with nothing around it: what a relay in Node costs at least.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

const SIZE = 1452;
const REQUEST = 64;
const WISH = 16;
const NUMBER = 20;
const SEND = 1;
const [WINDOW, PORTION] = [128, 32];
/** Of one turn. */
const BURST = 45;

/** Datagrams to c/peer.c, or from it, as fast as they go. */
export class BareUdp {
  readonly #socket: Socket;
  #isOver = false;
  #count = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async open(port: number): Promise<BareUdp> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
    socket.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    // The peer sends to whom it was called by.
    const hello = Buffer.alloc(148);
    hello[0] = 1;
    socket.send(hello);
    await once(socket, 'message');
    return new BareUdp(socket);
  }

  up(): void {
    const datagram = Buffer.alloc(SIZE);
    datagram[0] = 4;
    // As whoever wants to hear of errors, and the relay does.
    const sent = (error: Error | null): void => {
      if (error && !this.#isOver) throw error;
    };
    // In turns: the callbacks of sends leave no room for anything else.
    const fill = (): void => {
      if (this.#isOver) return;
      for (let n = 0; n < BURST; n++) this.#socket.send(datagram, 0, SIZE, sent);
      this.#count += BURST;
      setImmediate(fill);
    };
    fill();
  }

  down(): void {
    const request = Buffer.alloc(REQUEST);
    request[0] = 4;
    request[WISH] = SEND;
    request.writeUInt32LE(PORTION, NUMBER);
    let asked = WINDOW;
    this.#socket.on('message', ({ length }) => {
      if (this.#isOver || length !== SIZE) return;
      this.#count++;
      if (--asked > WINDOW - PORTION) return;
      asked += PORTION;
      this.#socket.send(request);
    });
    for (let n = 0; n < WINDOW; n += PORTION) this.#socket.send(request);
  }

  get count(): number {
    return this.#count;
  }

  close(): void {
    this.#isOver = true;
    this.#socket.close();
  }
}

/** What a host can be asked to do with it. */
export function bareProcedures(): Record<string, (argument: never) => unknown> {
  let udp: BareUdp;
  return {
    'bare.start': async ({ port, mode }: { port: number; mode: 'up' | 'down' }) => {
      udp = await BareUdp.open(port);
      udp[mode]();
    },
    'bare.count': () => udp.count,
    'bare.close': () => udp.close(),
  };
}
