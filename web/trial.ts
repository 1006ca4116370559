import { type Check, Tunnel, type TunnelErrorCode } from '../src/index.ts';
import type { AdviceContext } from './advice.ts';
import { failureOf } from './failure.ts';
import type { Way } from './model.ts';
import { reachOf } from './reach.ts';

/** A tunnel that is opened for no more than to look at its way, and closed again; nothing of the page uses it. */
export class Trial {
  /** The names in it, for sentences. */
  readonly context: AdviceContext;
  readonly #way: Way;
  readonly #stop = new AbortController();
  #ended: Promise<void> | undefined;

  constructor(way: Way, publicKey: string | undefined) {
    const { config, relays, token } = way;
    this.#way = way;
    this.context = {
      page: location.origin,
      relay: relays.join(' or '),
      endpoint: config.peers.find(({ endpoint }) => endpoint !== undefined)?.endpoint,
      publicKey,
      hasToken: token !== undefined,
    };
  }

  /** Tells each leg as it is seen; resolves once the tunnel is closed. */
  look(host: string, tell: (check: Check) => void, signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#stop.abort(), { once: true });
    return (this.#ended = this.#look(host, tell));
  }

  /** Resolves when its key is free again. */
  async end(): Promise<void> {
    this.#stop.abort();
    await this.#ended?.catch(() => undefined);
  }

  async #look(host: string, tell: (check: Check) => void): Promise<void> {
    const { signal } = this.#stop;
    let tunnel: Tunnel | undefined;
    try {
      const { config, relays: relay, token, privateKey } = this.#way;
      tunnel = await Tunnel.open(config, {
        relay,
        signal,
        ...(token && { token }),
        ...(privateKey && { privateKey }),
      });
      for await (const check of tunnel.diagnose({ signal, ...(host !== '' && { host }) })) {
        if (check.code === 'ERR_RELAY_UNREACHABLE') this.context.reach = await reachOf(relay.at(-1)!);
        tell(check);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (tunnel) throw error;
      const { code, message } = failureOf(error);
      tell({ leg: 'browser', ok: false, detail: message, code: code as TunnelErrorCode });
    } finally {
      await tunnel?.close({ timeout: 0 });
    }
  }
}
