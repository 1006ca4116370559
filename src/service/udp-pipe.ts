import type { AddressFamily, SocketName, UdpDatagram, UdpMessagePortMessage } from '../bridge/api.ts';
import type { Port } from '../bridge/channel.ts';
import { toPlainAnswer, toPlainError } from '../bridge/errors.ts';
import { IpAddress, type SocketAddress, unmapped } from '../core/address.ts';
import { CallerTypeError, TunnelError } from '../core/errors.ts';
import { hardError, isHard, type UdpBinding, type UdpReport } from '../core/netstack/udp-binding.ts';
import type { Drainable, Noted } from './noted.ts';

export interface UdpHost {
  readonly noted: Noted;
  settle(): void;
  /** Of a host: at once, if it is an address. Throws or rejects with a TunnelError. */
  addressOf(host: string, family: AddressFamily): IpAddress | Promise<IpAddress>;
  udpFinished(pipe: UdpPipe): void;
}

/** At most this many datagrams cross in one message. */
const BATCH = 64;

/** One UDP binding ⇄ one port to the page. What finds no credit waits in the binding's bounded queue. */
export class UdpPipe implements Drainable {
  readonly #binding: UdpBinding;
  readonly #port: Port;
  readonly #host: UdpHost;
  #credit = 0;
  #failure: TunnelError | undefined;
  /** Whose hard ICMP errors the page wants to hear of, and the last that came: one tells as much as many. */
  #heeded: SocketAddress | undefined;
  #unreachable: TunnelError | undefined;

  constructor(binding: UdpBinding, port: Port, host: UdpHost) {
    this.#binding = binding;
    this.#port = port;
    this.#host = host;
    binding.observer = {
      readable: () => host.noted.note(this),
      failed: (error) => {
        this.#failure = error;
        host.noted.note(this);
      },
      reported: (report) => this.#reported(report),
    };
    port.onmessage = ({ data }: MessageEvent<UdpMessagePortMessage>) => this.#receive(data);
  }

  drain(): void {
    if (this.#failure) {
      this.#post({ type: 'error', error: toPlainError(this.#failure) });
      this.#failure = undefined;
    }
    if (this.#unreachable) {
      this.#post({ type: 'unreachable', error: toPlainError(this.#unreachable) });
      this.#unreachable = undefined;
    }
    while (this.#credit > 0) {
      const datagrams: UdpDatagram[] = [];
      while (datagrams.length < Math.min(this.#credit, BATCH)) {
        const message = this.#binding.receive();
        if (!message) break;
        const { data, remote, ttl, tos } = message;
        datagrams.push({ data, remote: nameOf(remote), ttl, tos });
      }
      if (datagrams.length === 0) return;
      this.#credit -= datagrams.length;
      this.#post({ type: 'datagrams', datagrams });
    }
  }

  close(): void {
    this.#binding.observer = undefined;
    this.#binding.close();
    this.#post({ type: 'close' });
    this.#port.onmessage = null;
    this.#port.close();
    this.#host.udpFinished(this);
  }

  #receive(message: UdpMessagePortMessage): void {
    switch (message.type) {
      case 'credit':
        this.#credit += message.count;
        this.#host.noted.note(this);
        break;
      case 'send':
        this.#send(message.id, message.datagram);
        break;
      case 'group':
        this.#answer(message.id, () => this.#changeGroup(message));
        break;
      case 'tune':
        this.#answer(message.id, () => this.#binding.setOptions(message.options));
        break;
      case 'heed':
        this.#heed(message.remote);
        break;
      case 'close':
        this.close();
        break;
      default:
        return;
    }
    this.#host.settle();
  }

  #answer(id: number, change: () => void): void {
    try {
      change();
      this.#post({ type: 'sent', id });
    } catch (error) {
      this.#post({ type: 'sent', id, error: toPlainAnswer(error) });
    }
  }

  #changeGroup({ action, address, source }: Extract<UdpMessagePortMessage, { type: 'group' }>): void {
    try {
      const group = ipAddressOf(address);
      const from = source === undefined ? undefined : ipAddressOf(source);
      if (action === 'join') this.#binding.joinGroup(group, from);
      else this.#binding.leaveGroup(group, from);
    } catch (cause) {
      if (!(cause instanceof CallerTypeError)) throw cause;
      throw new TunnelError('ERR_UNSUPPORTED', cause.message, { cause });
    }
  }

  #heed(remote: SocketName | undefined): void {
    const address = remote && IpAddress.parse(remote.address);
    this.#heeded = address && { address: unmapped(address), port: remote.port };
    this.#unreachable = undefined;
  }

  #reported({ kind, remote }: UdpReport): void {
    const heeded = this.#heeded;
    if (!heeded || !isHard(kind) || heeded.port !== remote.port || !heeded.address.equals(remote.address))
      return;
    this.#unreachable = hardError(kind, remote);
    this.#host.noted.note(this);
  }

  #send(id: number, datagram: UdpDatagram): void {
    const { remote, dnsQueryType } = datagram;
    try {
      const address = remote && this.#host.addressOf(remote.address, this.#familyOf(dnsQueryType));
      if (address instanceof Promise) void this.#sendTo(id, datagram, address, remote!.port);
      else this.#sendNow(id, datagram, address && { address, port: remote!.port });
    } catch (error) {
      this.#post({ type: 'sent', id, error: toPlainAnswer(error) });
    }
  }

  async #sendTo(id: number, datagram: UdpDatagram, address: Promise<IpAddress>, port: number): Promise<void> {
    try {
      this.#sendNow(id, datagram, { address: await address, port });
    } catch (error) {
      this.#post({ type: 'sent', id, error: toPlainAnswer(error) });
    }
    this.#host.settle();
  }

  #sendNow(id: number, { data, ttl, tos }: UdpDatagram, remote: SocketAddress | undefined): void {
    this.#binding.send(data, remote, {
      ...(ttl !== undefined && { ttl }),
      ...(tos !== undefined && { tos }),
    });
    this.#post({ type: 'sent', id });
  }

  /** Of a name only those addresses count to which this socket can send. */
  #familyOf(wanted: AddressFamily): AddressFamily {
    const { local, isDualStack } = this.#binding;
    return wanted ?? (isDualStack ? undefined : `ipv${local.address.version}`);
  }

  #post(message: UdpMessagePortMessage): void {
    this.#port.postMessage(message);
  }
}

export function nameOf({ address, port }: SocketAddress): SocketName {
  return { address: address.toString(), port };
}

function ipAddressOf(text: string): IpAddress {
  const address = IpAddress.parse(text);
  if (!address) throw new CallerTypeError(`"${text.slice(0, 100)}" is not an IP address.`);
  return address;
}
