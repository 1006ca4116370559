// What `tabwire gateway` carries: Linux behind wireguard-go, and iperf3's server on the gateway's side of the tunnel. Beside
// it the same way through `tabwire connect -R`, in the gateway's place: one forward that nobody has to be let through. The
// two take turns: what limits either is the processor, which others use, too, and how much of it is left changes.
import { until } from '../support/child-process.ts';
import { GatewayLab, SERVER } from '../support/gateway-lab.ts';
import { expect, test } from '../support/interop-test.ts';
import { startIperf3 } from '../support/programs.ts';
import { INNER } from '../support/real-peer.ts';

interface Report {
  end: { sum_received: { bits_per_second: number } };
}

/** One time may be ten times slower than the next. */
const TIMES = 4;

/** Mbit/s that arrive. */
async function rate(lab: GatewayLab, host: string, flags: readonly string[]): Promise<number> {
  let output = '';
  const ask = () => lab.exec('iperf3', '-J', '-c', host, '-t', '2', ...flags);
  // Its server refuses the next for a moment after each.
  await until('iperf3 has run', async () => {
    output = await ask().catch((error: Error) =>
      /busy|reset by peer/.test(error.message) ? '' : Promise.reject(error),
    );
    return output !== '';
  });
  return (JSON.parse(output) as Report).end.sum_received.bits_per_second / 1e6;
}

/** Of two labs, the one whose gateway is the real one, and the one with a forward in its place. */
async function twoWays(): Promise<[gateway: GatewayLab, forward: GatewayLab]> {
  const gateway = await GatewayLab.up([`${SERVER.ipv4}:5201/tcp`]);
  const forward = await GatewayLab.up([]);
  await startIperf3(gateway.site);
  await startIperf3(forward.site);
  await forward.gateway.stop();
  forward.gateway = forward.tabwire('connect', forward.file, '-R', `5201:${SERVER.ipv4}:5201`);
  await forward.gateway.saw(/ is on \[::\]:5201 inside$/m, 15_000);
  return [gateway, forward];
}

const WAYS = [['into the network behind it'], ['out of that network', '-R']] as const;

for (const [words, ...way] of WAYS)
  for (const count of [1, 4])
    test(`TCP ${words} is hardly slower than through a forward, ${count} at a time`, async ({
      interopWorks: _,
    }, testInfo) => {
      test.setTimeout(120_000);
      const flags = [...way, '-P', String(count)];
      const labs = await twoWays();
      try {
        const best = { gateway: 0, forward: 0 };
        for (let time = 0; time < TIMES; time++) {
          best.gateway = Math.max(best.gateway, await rate(labs[0], SERVER.ipv4, flags));
          best.forward = Math.max(best.forward, await rate(labs[1], INNER.our4, flags));
        }
        const description = `gateway ${best.gateway.toFixed(0)} Mbit/s, forward ${best.forward.toFixed(0)} Mbit/s`;
        testInfo.annotations.push({ type: 'rate', description });
        console.log(`TCP ${words}, ${count}: ${description}`);
        expect(best.gateway / best.forward, description).toBeGreaterThan(0.5);
      } finally {
        for (const lab of labs) await lab.down();
      }
    });
