import type { SocketAddress } from '../../address.ts';
import type { Environment } from '../../environment.ts';
import { TunnelError } from '../../errors.ts';
import type { Instant } from '../../time.ts';
import { DNS_PORT, mixCase, type RecordType, writeQuery } from '../../wire/dns.ts';
import { readName } from '../../wire/dns-name.ts';
import type { UdpBinding } from '../udp-binding.ts';
import type { SentQuery } from './acceptance.ts';
import type { DnsServer } from './dns-server.ts';
import type { NameNetwork } from './network.ts';

const FIRST_PORT = 1024;
/** Ports are drawn again when taken; with most of them free that ends soon. */
const DRAWS = 32;
/** `readName` reads names in messages, behind a header. */
const HEADER_LENGTH = 12;

/**
 * One query over UDP, from a socket of its own. What a forger has to guess: its port (uniform over 1024–65535) and ID
 * (RFC 5452 §9.2), and the case of the letters.
 */
export class UdpQuery implements SentQuery {
  readonly server: DnsServer;
  readonly id: number;
  readonly name: string;
  readonly type: RecordType;
  readonly edns: boolean;
  readonly sentAt: Instant;
  readonly binding: UdpBinding;
  /** What ICMP said: nobody listens there, or the way is forbidden. */
  failure: TunnelError | undefined;

  /** Throws a TunnelError: ERR_NO_ROUTE, ERR_LIMIT, ERR_ADDRESS_IN_USE. `noted` is called when there is something to look at. */
  constructor(
    question: { readonly wire: Uint8Array; readonly type: RecordType },
    server: DnsServer,
    { network, environment, noted }: QueryHost,
    now: Instant,
  ) {
    const random = new Uint8Array(34);
    environment.fillRandom(random);
    const name = mixCase(question.wire, random.subarray(2));
    this.server = server;
    this.id = (random[0]! << 8) | random[1]!;
    this.name = printed(name);
    this.type = question.type;
    this.edns = server.usesEdns(now);
    this.sentAt = now;
    this.binding = bindAnywhere(network, environment, { address: server.address, port: DNS_PORT });
    this.binding.observer = {
      readable: noted,
      failed: (error) => {
        this.failure = error;
        noted();
      },
    };
    try {
      this.binding.send(writeQuery({ id: this.id, name, type: this.type, edns: this.edns }));
    } catch (error) {
      this.binding.close();
      throw error;
    }
  }
}

export interface QueryHost {
  readonly network: NameNetwork;
  readonly environment: Environment;
  readonly noted: () => void;
}

/** As an answer's question will be printed. */
export function printed(name: Uint8Array): string {
  const message = new Uint8Array(HEADER_LENGTH + name.length);
  message.set(name, HEADER_LENGTH);
  return readName(message, HEADER_LENGTH)!.text;
}

function bindAnywhere(network: NameNetwork, environment: Environment, remote: SocketAddress): UdpBinding {
  for (let draw = 1; ; draw++) {
    try {
      return network.bindUdp({ port: randomPort(environment), remote });
    } catch (error) {
      const isTaken = error instanceof TunnelError && error.code === 'ERR_ADDRESS_IN_USE';
      if (!isTaken || draw === DRAWS) throw error;
    }
  }
}

/** Uniform: what would be below the first port is drawn again. */
function randomPort(environment: Environment): number {
  const bytes = new Uint8Array(2);
  for (;;) {
    environment.fillRandom(bytes);
    const port = (bytes[0]! << 8) | bytes[1]!;
    if (port >= FIRST_PORT) return port;
  }
}
