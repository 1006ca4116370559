import { IpAddress } from '../core/address.ts';
import { checkPort, codedError, invalidArgType } from './errors.ts';

/** What the constructor takes. */
export interface SocketAddressInit {
  /** As text; absent: 127.0.0.1, or `::`. */
  address?: string;
  /** Default `ipv4`. */
  family?: 'ipv4' | 'ipv6';
  /** Of IPv6; default 0. */
  flowlabel?: number;
  /** Default 0. */
  port?: number;
}

/** Node's net.SocketAddress: an address with a port, checked, and never to be changed. */
export class SocketAddress {
  /** As text, in its canonical form. */
  readonly address: string;
  /** Of the address. */
  readonly family: 'ipv4' | 'ipv6';
  /** Kept as it was given; nothing is sent with it. */
  readonly flowlabel: number;
  /** 0 to 65535. */
  readonly port: number;

  /** Throws ERR_INVALID_ADDRESS, ERR_SOCKET_BAD_PORT. */
  constructor(options: SocketAddressInit = {}) {
    if (typeof options !== 'object' || options === null)
      throw invalidArgType('options', 'of type object', options);
    const { family = 'ipv4', port = 0, flowlabel = 0 } = options;
    const text = options.address ?? (family === 'ipv6' ? '::' : '127.0.0.1');
    if (typeof text !== 'string') throw invalidArgType('options.address', 'of type string', text);
    const address = IpAddress.parse(text);
    if (!address || `ipv${address.version}` !== String(family).toLowerCase())
      throw codedError(Error, 'ERR_INVALID_ADDRESS', 'Invalid address');
    this.address = String(address);
    this.family = `ipv${address.version}`;
    this.port = checkPort(port, 'options.port');
    this.flowlabel = flowlabel;
  }

  /** `10.0.0.1:80` or `[fd00::1]:80`; undefined for what is neither. */
  static parse(input: string): SocketAddress | undefined {
    const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(input);
    const address = IpAddress.parse(match?.[1] ?? match?.[2] ?? '');
    const port = Number(match?.[3] ?? 0);
    if (!address || (address.version === 6) !== (match?.[1] !== undefined) || port > 65535) return undefined;
    return new SocketAddress({ address: String(address), port, family: `ipv${address.version}` });
  }
}
