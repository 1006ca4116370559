import type { Duplex } from 'node:stream';
import { connect } from '../net.ts';
import { EventEmitter } from '../streams.ts';
import { connect as connectSecurely } from '../tls.ts';

/** Node's http.Agent, which here keeps no connections: each request has one of its own. What it makes can be overridden. */
export class Agent extends EventEmitter {
  readonly options: object;
  readonly defaultPort: number = 80;
  readonly protocol: string = 'http:';

  constructor(options: object = {}) {
    super();
    this.options = options;
  }

  createConnection(
    options: object,
    _callback?: (error: Error | null, socket?: Duplex) => void,
  ): Duplex | undefined {
    return connect(options);
  }

  destroy(): void {}
}

export class SecureAgent extends Agent {
  override readonly defaultPort = 443;
  override readonly protocol = 'https:';

  override createConnection(options: object): Duplex {
    return connectSecurely(options);
  }
}
