// Joins a tunnel with the sockets of this machine: what peers send to hosts beyond it goes there, as far as rules allow.
import { hostAndPort } from '../../core/host-port.ts';
import type {
  ForeignConnection,
  ForeignKind,
  ForeignPacket,
  ForeignVerdict,
  Gatekeeper,
} from '../../node/gateway-tunnel.ts';
import { EchoGate } from './echo-gate.ts';
import type { GatewayRules, Protocol } from './rules.ts';
import { TcpGate } from './tcp-gate.ts';
import { type SendDatagram, UdpGate } from './udp-gate.ts';

const PROTOCOLS: Readonly<Record<ForeignKind, Protocol>> = { syn: 'tcp', datagram: 'udp', echo: 'ping' };
/** Milliseconds between two looks at which UDP flows are over. */
const SWEEP_INTERVAL = 10_000;
/** Denied destinations that are spoken of, each once. */
const MAX_DENIALS = 100;

export interface GatewayOptions {
  readonly rules: GatewayRules;
  /** Brings a datagram back into the tunnel. */
  readonly send: SendDatagram;
  /** Told what the operator should know, in one sentence. */
  say(sentence: string): void;
}

export class Gateway implements Gatekeeper {
  readonly #rules: GatewayRules;
  readonly #say: (sentence: string) => void;
  readonly #tcp = new TcpGate();
  readonly #udp: UdpGate;
  readonly #echo: EchoGate;
  readonly #sweeping: NodeJS.Timeout;
  readonly #denied = new Set<string>();

  constructor({ rules, send, say }: GatewayOptions) {
    this.#rules = rules;
    this.#say = say;
    this.#udp = new UdpGate(send);
    this.#echo = new EchoGate(() =>
      this.#sayOnce('this machine has no program "ping": nothing can be pinged'),
    );
    this.#sweeping = setInterval(() => this.#udp.sweep(), SWEEP_INTERVAL);
    this.#sweeping.unref();
  }

  readonly judge = (packet: ForeignPacket): ForeignVerdict => {
    // What was allowed when it began is not asked about again.
    if (packet.kind === 'datagram' && this.#udp.forwards(packet)) return 'taken';
    const { address, port } = packet.to;
    const protocol = PROTOCOLS[packet.kind];
    if (!this.#rules.permits(protocol, String(address), port)) {
      this.#sayOnce(`${protocol} to ${placeOf(packet)} is not allowed; ${packet.from.address} wanted it`);
      return 'prohibit';
    }
    if (packet.kind === 'syn') return this.#tcp.judge(packet);
    return packet.kind === 'datagram' ? this.#udp.judge(packet) : this.#echo.judge(packet);
  };

  accepted(connection: ForeignConnection): void {
    this.#tcp.accepted(connection);
  }

  close(): void {
    clearInterval(this.#sweeping);
    this.#tcp.close();
    this.#udp.close();
    this.#echo.close();
  }

  #sayOnce(sentence: string): void {
    if (this.#denied.has(sentence) || this.#denied.size >= MAX_DENIALS) return;
    this.#denied.add(sentence);
    this.#say(sentence);
  }
}

function placeOf({ kind, to: { address, port } }: ForeignPacket): string {
  return kind === 'echo' ? String(address) : hostAndPort(String(address), port);
}
