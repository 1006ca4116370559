// What runs on our stack while Linux is the other side.
import { IpAddress, type SocketAddress } from '../../../src/core/address.ts';
import type { TcpConnection } from '../../../src/core/netstack/tcp/connection.ts';
import type { UdpBinding } from '../../../src/core/netstack/udp-binding.ts';
import { patternAt } from '../pattern.ts';
import type { StackHost } from '../stack-host.ts';

/** A conversation over one connection: called after each poll until it says that it is over. */
type Talk = () => boolean;

const CHUNK = 16_384;

export class OurPrograms {
  readonly host: StackHost;
  readonly #talks = new Set<Talk>();
  readonly #udpEcho: UdpBinding;

  /** Serves: TCP 7 and UDP 7 echo; each echo half-closes when its client has. */
  constructor(host: StackHost) {
    this.host = host;
    const listener = host.stack.listenTcp({ port: 7 }, host.now());
    this.#udpEcho = host.stack.bindUdp({ port: 7 });
    host.afterPoll = () => {
      for (let taken = listener.accept(); taken; taken = listener.accept()) this.#talks.add(echo(taken));
      for (let got = this.#udpEcho.receive(); got; got = this.#udpEcho.receive())
        this.#udpEcho.send(got.data, got.remote);
      for (const talk of this.#talks) if (talk()) this.#talks.delete(talk);
    };
    host.settle();
  }

  /** Resolves with the code of the error with which the connection ends, or with `open`. */
  async connects(address: string, port: number): Promise<string> {
    const connection = this.#connect(address, port);
    const said = await this.#until(() => {
      if (connection.state === 'CLOSED')
        return (connection.error as { code?: string } | undefined)?.code ?? 'closed';
      return connection.state === 'SYN-SENT' ? undefined : 'open';
    });
    connection.close();
    this.host.settle();
    return said;
  }

  /** Sends so many bytes of the pattern, ends its direction, and gives back all that comes until the other side ends. */
  async exchange(address: string, port: number, bytes: number): Promise<{ said: string; mss: number }> {
    const connection = this.#connect(address, port);
    const parts: Uint8Array[] = [];
    let sent = 0;
    let isEnded = false;
    const buffer = new Uint8Array(CHUNK);
    let mss = 0;
    await this.#until(() => {
      if (connection.state === 'SYN-SENT') return undefined;
      if (connection.state === 'CLOSED') throw connection.error ?? new Error('closed');
      while (sent < bytes) {
        const written = connection.write(patternAt(sent, Math.min(CHUNK, bytes - sent)));
        sent += written;
        if (written === 0) break;
      }
      if (sent === bytes && !isEnded) connection.shutdown();
      isEnded = sent === bytes;
      for (let got = connection.readInto(buffer); got > 0; got = connection.readInto(buffer))
        parts.push(buffer.slice(0, got));
      mss = connection.info().mss;
      return connection.readEnded ? true : undefined;
    });
    connection.close();
    this.host.settle();
    return { said: Buffer.concat(parts).toString(), mss };
  }

  /** The length of what a UDP echo sends back. */
  async udpEcho(address: string, port: number, bytes: number): Promise<number> {
    const binding = this.host.stack.bindUdp({ remote: at(address, port) });
    binding.send(patternAt(0, bytes));
    const answer = await this.#until(() => binding.receive());
    binding.close();
    return answer.data.length;
  }

  /**
   * What comes of an echo request of that size: `intact`, `changed`, or of an error its kind and MTU. Throws if it is too
   * large to be sent.
   */
  async ping(address: string, size: number, dontFragment = false): Promise<string> {
    const ping = this.host.stack.openPing(at(address, 0).address);
    let said: string | undefined;
    ping.observer = {
      reply: ({ isIntact }) => {
        said = isIntact ? 'intact' : 'changed';
      },
      error: ({ kind, mtu }) => {
        said = `${kind} ${mtu}`;
      },
    };
    try {
      ping.send(1, size, { dontFragment }, this.host.now());
      return await this.#until(() => said);
    } finally {
      ping.close();
    }
  }

  #connect(address: string, port: number): TcpConnection {
    return this.host.stack.connectTcp(at(address, port), {}, this.host.now());
  }

  /** Asks after each poll, until there is an answer. */
  async #until<T>(ask: () => T | undefined, timeout = 10_000): Promise<T> {
    const answer = await new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer within ${timeout} ms`)), timeout);
      this.#talks.add(() => {
        try {
          const said = ask();
          if (said === undefined) return false;
          resolve(said);
        } catch (error) {
          reject(error as Error);
        }
        clearTimeout(timer);
        return true;
      });
      this.host.settle();
    });
    return answer;
  }
}

function at(address: string, port: number): SocketAddress {
  return { address: IpAddress.parse(address)!, port };
}

function echo(connection: TcpConnection): Talk {
  const buffer = new Uint8Array(CHUNK);
  return () => {
    if (connection.state === 'CLOSED') return true;
    while (connection.readableBytes > 0 && connection.writableBytes >= CHUNK) {
      const got = connection.readInto(buffer);
      connection.write(buffer.subarray(0, got));
    }
    if (!connection.readEnded) return false;
    connection.close();
    return true;
  };
}
