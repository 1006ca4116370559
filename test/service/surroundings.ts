// Everything that a service stands on, with nothing behind it: what it sends is kept, the time stands still.
import { MessageChannel } from 'node:worker_threads';
import type { EngineEvent, EnginePeer } from '../../src/bridge/api.ts';
import { fromBase64 } from '../../src/core/bytes.ts';
import type { Clock } from '../../src/core/clock.ts';
import { DropCounters } from '../../src/core/counters.ts';
import { RawIdentity } from '../../src/core/crypto/identity.ts';
import { WasmSuite } from '../../src/core/crypto/wasm-suite.ts';
import type { TunnelError } from '../../src/core/errors.ts';
import { type Instant, NEVER } from '../../src/core/time.ts';
import type { DatagramReceiver, DatagramTransport } from '../../src/core/transport.ts';
import { loadAssembly } from '../../src/node/assembly.ts';
import { openLocalChannel } from '../../src/node/local-channel.ts';
import { type KeyHolder, type KeyRegistry, ProcessKeyRegistry } from '../../src/service/key-registry.ts';
import type { EngineHost, TunnelService } from '../../src/service/service.ts';

/** A fresh object each time, for the engine takes keys over. */
export function somePeer(): EnginePeer {
  return {
    publicKey: fromBase64('oBjHUlIGP9uKkQ6oNnzhbDTN1vJlJ5lyg9EcUVQOBV4=')!,
    endpoint: { host: '192.0.2.1', port: 51820 },
    allowedIps: ['10.0.0.0/24'],
    persistentKeepalive: 25,
  };
}

export class Surroundings implements EngineHost {
  readonly suite: WasmSuite;
  readonly environment: EngineHost['environment'];
  readonly keys: KeyRegistry;
  now: Instant = 1000;
  wakeAt: Instant = NEVER;
  /** Set: the service's own way of being told that the key is lost. */
  holder: KeyHolder | undefined;
  sent: Uint8Array[] = [];
  isTransportMade = false;
  isTransportBegun = false;
  isTransportClosed = false;
  isFinished = false;
  released = 0;
  transportFailure: TunnelError | undefined;
  readonly clock: Clock = {
    now: () => this.now,
    wakeAt: (at) => {
      this.wakeAt = at;
    },
  };
  readonly events: EngineEvent[] = [];

  constructor(suite: WasmSuite, registry: KeyRegistry = new ProcessKeyRegistry()) {
    this.suite = suite;
    this.environment = {
      crypto: suite,
      memory: suite.memory,
      fillRandom: (bytes) => globalThis.crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>),
      wallClock: () => Date.UTC(2027, 0, 1),
    };
    this.keys = {
      scope: registry.scope,
      claim: async (publicKey, takeOver, holder) => {
        this.holder = holder;
        const claim = await registry.claim(publicKey, takeOver, holder);
        return (
          claim && {
            ...claim,
            release: () => {
              this.released++;
              return claim.release();
            },
          }
        );
      },
    };
  }

  static async create(registry?: KeyRegistry): Promise<Surroundings> {
    return new Surroundings(new WasmSuite(await loadAssembly()), registry);
  }

  async createIdentity(privateKey: Uint8Array | CryptoKey) {
    return new RawIdentity(privateKey as Uint8Array, this.suite);
  }

  createTransport(): DatagramTransport {
    if (this.transportFailure) throw this.transportFailure;
    this.isTransportMade = true;
    return {
      begin: () => {
        this.isTransportBegun = true;
      },
      receiver: undefined as DatagramReceiver | undefined,
      endpointFor: (host, port) => ({ host, port }),
      release: () => {},
      send: ({ memory, start, end }) => void this.sent.push(memory.slice(start, end)),
      flush: () => {},
      congested: false,
      drops: new DropCounters(),
      close: () => {
        this.isTransportClosed = true;
      },
    };
  }

  readonly openChannel = openLocalChannel;

  retryNow(): void {}

  finished(): void {
    this.isFinished = true;
  }

  open(service: TunnelService, privateKey: Uint8Array, takeOver = false, relays: string[] = []) {
    const { port1, port2 } = new MessageChannel();
    port2.on('message', (event: EngineEvent) => this.events.push(event));
    port2.unref();
    return service.open(
      {
        config: {
          privateKey,
          addresses: ['10.0.0.2/24'],
          mtu: 1420,
          peers: [somePeer()],
        },
        relays,
        takeOver,
      },
      port1 as unknown as MessagePort,
    );
  }
}
