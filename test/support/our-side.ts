// Our engine in tests that hold for both ways out: in Node over UDP sockets, or in a page through the relay.
import type { Page } from '@playwright/test';
import type { PingReply, TunnelStatus } from '../../src/index.ts';
import { Tunnel } from '../../src/node/index.ts';
import type { Download, Echo, EchoWish } from '../harness/page.ts';
import * as programs from '../harness/page.ts';
import * as servers from '../harness/servers.ts';
import type { TransferReport, TransferWish } from '../harness/transfers.ts';
import * as transfers from '../harness/transfers.ts';

export type Way = 'directly' | 'through the relay';
export const WAYS: readonly Way[] = ['directly', 'through the relay'];

export interface PingWish {
  count: number;
  interval?: number;
  timeout?: number;
  size?: number;
}

export interface OurSide {
  /** Opens a tunnel, in place of the one before; does not wait for a handshake. */
  open(config: string): Promise<void>;
  /** Changes the open tunnel's configuration. */
  configure(config: string): Promise<void>;
  /** The first handshake with this peer (base64), or with any. */
  ready(publicKey?: string): Promise<void>;
  status(): Promise<TunnelStatus>;
  ping(host: string, wish: PingWish): Promise<PingReply[]>;
  /** Sends the text to a TCP echo, ends, and gives back the answer. */
  exchange(host: string, port: number, text: string): Promise<string>;
  echoes(host: string, wish: EchoWish): Promise<Echo[]>;
  download(host: string, path: string): Promise<Download>;
  upload(host: string, port: number, size: number): Promise<{ sent: string; arrived: string }>;
  /** A download and an upload at once (transfers.ts): their begin, how far they are, and what there is to tell at the end. */
  beginTransfers(wish: TransferWish): Promise<void>;
  transferred(): Promise<{ down: number; up: number }>;
  releaseTransfers(): Promise<void>;
  transfersEnded(): Promise<TransferReport>;
  serveEcho(port: number): Promise<void>;
  /** HTTP on this port, and a name server on port 53 (servers.ts). */
  serveHttp(port: number): Promise<void>;
  serveDns(): Promise<void>;
  close(): Promise<void>;
}

/** How many of the pings were answered; without a wish for it, they are 50 ms apart. */
export async function answered(side: OurSide, host: string, wish: PingWish): Promise<number> {
  return (await side.ping(host, { interval: 50, ...wish })).filter(({ ok }) => ok).length;
}

/** The Node entry point, in this process; over UDP, or through a relay. */
export class NodeSide implements OurSide {
  #tunnel: Tunnel | undefined;
  readonly #relay: string | undefined;

  constructor(relay?: string) {
    this.#relay = relay;
  }

  async open(config: string): Promise<void> {
    await this.close();
    this.#tunnel = await Tunnel.open(config, this.#relay === undefined ? {} : { relay: this.#relay });
  }

  async configure(config: string): Promise<void> {
    await this.#open.configure(config);
  }

  get #open(): Tunnel {
    if (!this.#tunnel) throw new Error('open a tunnel first');
    return this.#tunnel;
  }

  async ready(publicKey?: string): Promise<void> {
    await (publicKey === undefined ? this.#open.ready : this.#open.peerReady(publicKey));
  }

  status(): Promise<TunnelStatus> {
    return this.#open.status();
  }

  ping(host: string, wish: PingWish): Promise<PingReply[]> {
    return programs.pings(this.#open, host, wish);
  }

  async exchange(host: string, port: number, text: string): Promise<string> {
    return new TextDecoder().decode(await programs.exchange(this.#open, host, port, text));
  }

  echoes(host: string, wish: EchoWish): Promise<Echo[]> {
    return programs.echoes(this.#open, host, wish);
  }

  download(host: string, path: string): Promise<Download> {
    return programs.download(this.#open, host, path);
  }

  upload(host: string, port: number, size: number): Promise<{ sent: string; arrived: string }> {
    return programs.upload(this.#open, host, port, size);
  }

  beginTransfers(wish: TransferWish): Promise<void> {
    return transfers.beginTransfers(this.#open, wish);
  }

  transferred(): Promise<{ down: number; up: number }> {
    return Promise.resolve(transfers.transferred());
  }

  releaseTransfers(): Promise<void> {
    return Promise.resolve(transfers.releaseTransfers());
  }

  transfersEnded(): Promise<TransferReport> {
    return transfers.transfersEnded();
  }

  serveEcho(port: number): Promise<void> {
    return programs.serveEcho(this.#open, port);
  }

  serveHttp(port: number): Promise<void> {
    return servers.serveHttp(this.#open, port);
  }

  serveDns(): Promise<void> {
    return servers.serveDns(this.#open);
  }

  async close(): Promise<void> {
    await this.#tunnel?.close({ timeout: 0 });
    this.#tunnel = undefined;
  }
}

/** The harness page, through a relay. */
export class PageSide implements OurSide {
  readonly page: Page;
  readonly #relay: string;

  constructor(page: Page, relay: string) {
    this.page = page;
    this.#relay = relay;
  }

  async open(config: string): Promise<void> {
    await this.page.evaluate(
      async ([config, relay]) => {
        await (window.tunnel as typeof window.tunnel | undefined)?.close({ timeout: 0 });
        window.tunnel = await window.tabwire.Tunnel.open(config, { relay });
      },
      [config, this.#relay] as const,
    );
  }

  async configure(config: string): Promise<void> {
    await this.page.evaluate(async (config) => {
      await window.tunnel.configure(config);
    }, config);
  }

  async ready(publicKey?: string): Promise<void> {
    await this.page.evaluate(
      (key) => (key === undefined ? window.tunnel.ready : window.tunnel.peerReady(key)),
      publicKey,
    );
  }

  status(): Promise<TunnelStatus> {
    return this.page.evaluate(() => window.tunnel.status());
  }

  ping(host: string, wish: PingWish): Promise<PingReply[]> {
    return this.page.evaluate(([host, wish]) => window.page.pings(window.tunnel, host, wish), [
      host,
      wish,
    ] as const);
  }

  exchange(host: string, port: number, text: string): Promise<string> {
    return this.page.evaluate(
      async ([host, port, text]) =>
        new TextDecoder().decode(await window.page.exchange(window.tunnel, host, port, text)),
      [host, port, text] as const,
    );
  }

  echoes(host: string, wish: EchoWish): Promise<Echo[]> {
    return this.page.evaluate(([host, wish]) => window.page.echoes(window.tunnel, host, wish), [
      host,
      wish,
    ] as const);
  }

  download(host: string, path: string): Promise<Download> {
    return this.page.evaluate(([host, path]) => window.page.download(window.tunnel, host, path), [
      host,
      path,
    ] as const);
  }

  upload(host: string, port: number, size: number): Promise<{ sent: string; arrived: string }> {
    return this.page.evaluate(([host, port, size]) => window.page.upload(window.tunnel, host, port, size), [
      host,
      port,
      size,
    ] as const);
  }

  beginTransfers(wish: TransferWish): Promise<void> {
    return this.page.evaluate((wish) => window.page.beginTransfers(window.tunnel, wish), wish);
  }

  transferred(): Promise<{ down: number; up: number }> {
    return this.page.evaluate(() => window.page.transferred());
  }

  releaseTransfers(): Promise<void> {
    return this.page.evaluate(() => window.page.releaseTransfers());
  }

  transfersEnded(): Promise<TransferReport> {
    return this.page.evaluate(() => window.page.transfersEnded());
  }

  serveEcho(port: number): Promise<void> {
    return this.page.evaluate((port) => window.page.serveEcho(window.tunnel, port), port);
  }

  serveHttp(port: number): Promise<void> {
    return this.page.evaluate((port) => window.page.serveHttp(window.tunnel, port), port);
  }

  serveDns(): Promise<void> {
    return this.page.evaluate(() => window.page.serveDns(window.tunnel));
  }

  async close(): Promise<void> {
    await this.page.close();
  }
}
