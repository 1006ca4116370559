// The bench page with a tunnel: the package as its users import it, with its own worker.
import { Tunnel } from '../../../../src/index.ts';
import { type IperfWish, iperf } from './iperf.ts';

export interface OpenWish {
  config: string;
  relay: string;
}

export interface PingWish {
  host: string;
  count: number;
  /** ms. */
  interval: number;
}

export function tunnelProcedures(): Record<string, (argument: never) => unknown> {
  let tunnel: Tunnel;
  return {
    'tunnel.open': async ({ config, relay }: OpenWish) => {
      tunnel = await Tunnel.open(config, { relay });
      await tunnel.ready;
    },
    'tunnel.close': () => tunnel.close(),
    'tunnel.iperf': (wish: IperfWish) => iperf(tunnel, wish),
    /** Each round trip in ms; of those that are missing, nothing. */
    'tunnel.ping': async ({ host, count, interval }: PingWish) => {
      const times: number[] = [];
      for await (const reply of tunnel.ping(host, { count, interval })) if (reply.ok) times.push(reply.rtt);
      return times;
    },
    'tunnel.firstByte': firstByte,
  };
}

/** From the click to the first byte of a web server's answer: a tunnel that is not there yet, a connection, a request. */
async function firstByte({ config, relay, host }: OpenWish & { host: string }): Promise<number> {
  const started = performance.now();
  const tunnel = await Tunnel.open(config, { relay });
  const { readable, writable } = await new tunnel.TCPSocket(host, 80).opened;
  await writable.getWriter().write(new TextEncoder().encode('GET / HTTP/1.0\r\n\r\n'));
  const { done } = await readable.getReader().read();
  const took = performance.now() - started;
  if (done) throw new Error('the web server said nothing');
  await tunnel.close({ timeout: 0 });
  return took;
}
