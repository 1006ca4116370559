import { getRandomValues } from 'node:crypto';
import { WebSocket } from 'ws';
import { EngineClient } from '../client/engine-client.ts';
import { WasmSuite } from '../core/crypto/wasm-suite.ts';
import type { Environment } from '../core/environment.ts';
import type { DatagramTransport } from '../core/transport.ts';
import { MAX_MESSAGE } from '../core/wire/relay.ts';
import { ProcessKeyRegistry } from '../service/key-registry.ts';
import { TunnelService } from '../service/service.ts';
import type { WebSocketLike } from '../transport/relay-transport.ts';
import { type Relays, throughRelays } from '../transport/relays.ts';
import { loadAssembly } from './assembly.ts';
import { NodeClock } from './clock.ts';
import { NODE_CURVE } from './curve.ts';
import { createIdentity } from './identity.ts';
import { openLocalChannel } from './local-channel.ts';
import { OuterCapture, type OuterCaptureOptions } from './outer-capture.ts';
import { UdpTransport } from './udp-transport.ts';

/** All engines of this process share it. */
const KEYS = new ProcessKeyRegistry();

interface NodeEngineOptions {
  host?: string | undefined;
  outerCapture?: OuterCaptureOptions | undefined;
}

/** The engine in this very process, over UDP sockets or a relay. */
export class NodeEngine {
  readonly service: TunnelService;
  readonly client: EngineClient;

  private constructor(service: TunnelService, client: EngineClient) {
    this.service = service;
    this.client = client;
  }

  /**
   * `host`: the one local address for UDP; absent: all. Throws ERR_CONFIG where a file of `outerCapture` cannot be written.
   */
  static async start({ host, outerCapture }: NodeEngineOptions = {}): Promise<NodeEngine> {
    const outer = outerCapture && new OuterCapture(outerCapture);
    const crypto = new WasmSuite(await loadAssembly(), { curve: NODE_CURVE });
    const environment: Environment = {
      crypto,
      memory: crypto.memory,
      fillRandom: (bytes) => {
        getRandomValues(bytes);
      },
      wallClock: () => Date.now(),
      logSecrets: outerCapture?.keyLog === undefined ? undefined : (secrets) => outer?.handshake(secrets),
    };
    const clock = new NodeClock();
    let relay: Relays | undefined;
    const service = new TunnelService({
      environment,
      clock,
      keys: KEYS,
      createIdentity: async (privateKey, answered) => {
        outer?.ownKey(privateKey);
        return createIdentity(privateKey, { crypto, clock }, answered);
      },
      async createTransport({ relays, listenPort, token }) {
        const { memory } = environment;
        const watched = (transport: DatagramTransport) => outer?.watch(transport) ?? transport;
        if (relays.length === 0)
          return watched(
            new UdpTransport({ memory, listenPort: listenPort ?? 0, ...(host !== undefined && { host }) }),
          );
        const listens = listenPort !== undefined;
        relay = await throughRelays({
          urls: relays,
          memory,
          clock,
          listens,
          token,
          host: { connect: connectWebSocket },
        });
        return watched(relay);
      },
      openChannel: openLocalChannel,
      retryNow: () => relay?.retryNow(),
      finished: () => outer?.close(),
    });
    const client = new EngineClient(service, () => {}, openLocalChannel);
    return new NodeEngine(service, client);
  }
}

/** Node 20 has no WebSocket of its own. */
function connectWebSocket(url: string, protocols: string[]): WebSocketLike {
  const options = { perMessageDeflate: false, maxPayload: MAX_MESSAGE };
  return new WebSocket(url, protocols, options) as unknown as WebSocketLike;
}
