import { getRandomValues } from 'node:crypto';
import { EngineClient } from '../client/engine-client.ts';
import { WasmSuite } from '../core/crypto/wasm-suite.ts';
import type { Environment } from '../core/environment.ts';
import { TunnelError } from '../core/errors.ts';
import type { DatagramTransport } from '../core/transport.ts';
import { TunnelService } from '../service/service.ts';
import { loadAssembly } from './assembly.ts';
import { NodeClock } from './clock.ts';
import { UdpTransport } from './udp-transport.ts';

/** The engine in this very process, over UDP sockets. */
export class NodeEngine {
  readonly service: TunnelService;
  readonly client: EngineClient;

  private constructor(service: TunnelService, client: EngineClient) {
    this.service = service;
    this.client = client;
  }

  static async start(): Promise<NodeEngine> {
    const crypto = new WasmSuite(await loadAssembly());
    const environment: Environment = {
      crypto,
      memory: crypto.memory,
      fillRandom: (bytes) => {
        getRandomValues(bytes);
      },
      wallClock: () => Date.now(),
    };
    const service = new TunnelService({
      environment,
      clock: new NodeClock(),
      createTransport: (relays, listenPort) => transportFor(relays, listenPort, environment),
      retryNow: () => {},
      finished: () => {},
    });
    const client = new EngineClient(service, () => {});
    return new NodeEngine(service, client);
  }
}

function transportFor(
  relays: string[],
  listenPort: number | undefined,
  environment: Environment,
): DatagramTransport {
  if (relays.length > 0) {
    throw new TunnelError('ERR_UNSUPPORTED', 'In Node the engine speaks UDP itself; leave the relay out.');
  }
  return new UdpTransport({ memory: environment.memory, ...(listenPort !== undefined && { listenPort }) });
}
