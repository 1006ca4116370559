import { TunnelError } from '../core/errors.ts';
import { checkUrl } from './relay-host.ts';

/** Equal relays, one of which is in use. */
export class RelayUrls {
  readonly #urls: readonly string[];
  /** Not a secret: lets a load balancer send all our connections to the same relay. */
  readonly #affinity: string;
  /** Those that refuse us in a way that trying again does not cure. */
  readonly #refusals = new Set<string>();
  #index = 0;

  /** In the order in which they are tried; `random`: 0 ≤ x < 1. Throws TunnelError ERR_CONFIG for what is no relay's URL. */
  constructor(urls: readonly string[], random: () => number) {
    this.#urls = urls.map(checkUrl);
    if (this.#urls.length === 0) throw new TunnelError('ERR_CONFIG', 'Name at least one relay.');
    this.#affinity = Math.floor(random() * 0x1_0000_0000)
      .toString(16)
      .padStart(8, '0');
  }

  /** The one in use, as it is shown. */
  get current(): string {
    return this.#urls[this.#index]!;
  }

  /** The same, as it is called. */
  get address(): string {
    return `${this.current}?r=${this.#affinity}`;
  }

  /** It serves us. */
  accepted(): void {
    this.#refusals.delete(this.current);
  }

  /** It will not have us. False if none is left that might. */
  refused(url: string): boolean {
    this.#refusals.add(url);
    return this.#refusals.size < this.#urls.length;
  }

  forgetRefusals(): void {
    this.#refusals.clear();
  }

  /** To the next that has not refused us, if there is one. */
  advance(): void {
    for (let i = 0; i < this.#urls.length; i++) {
      this.#index = (this.#index + 1) % this.#urls.length;
      if (!this.#refusals.has(this.current)) return;
    }
  }
}
