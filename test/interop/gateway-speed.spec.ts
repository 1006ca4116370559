// What `tabwire gateway` carries: Linux behind wireguard-go, and iperf3's server on the gateway's side of the tunnel. Beside
// it the same way through `tabwire connect -R`, in the gateway's place: one forward that nobody has to be let through.
import { until } from '../support/child-process.ts';
import { GatewayLab, SERVER } from '../support/gateway-lab.ts';
import { expect, test } from '../support/interop-test.ts';
import { startIperf3 } from '../support/programs.ts';
import { INNER } from '../support/real-peer.ts';

interface Report {
  end: { sum_received: { bits_per_second: number } };
}

/** Two cores are shared by four programs and whatever else runs: one time may be ten times slower than the next. */
const TIMES = 4;

/** Mbit/s that arrive, the best time of some. */
async function rate(lab: GatewayLab, host: string, flags: readonly string[]): Promise<number> {
  let best = 0;
  for (let time = 0; time < TIMES; time++) {
    let output = '';
    const ask = () => lab.exec('iperf3', '-J', '-c', host, '-t', '2', ...flags);
    // Its server refuses the next for a moment after each.
    await until('iperf3 has run', async () => {
      output = await ask().catch((error: Error) =>
        /busy|reset by peer/.test(error.message) ? '' : Promise.reject(error),
      );
      return output !== '';
    });
    best = Math.max(best, (JSON.parse(output) as Report).end.sum_received.bits_per_second / 1e6);
  }
  return best;
}

for (const [words, ...flags] of [['into the network behind it'], ['out of that network', '-R']])
  test(`TCP ${words} is hardly slower than through a forward`, async ({ interopWorks: _ }, testInfo) => {
    test.setTimeout(120_000);
    const lab = await GatewayLab.up([`${SERVER.ipv4}:5201/tcp`]);
    try {
      await startIperf3(lab.site);
      const gateway = await rate(lab, SERVER.ipv4, flags);
      await lab.gateway.stop();
      lab.gateway = lab.tabwire('connect', lab.file, '-R', `5201:${SERVER.ipv4}:5201`);
      await lab.gateway.saw(/ is on \[::\]:5201 inside$/m, 15_000);
      const forward = await rate(lab, INNER.our4, flags);
      const description = `gateway ${gateway.toFixed(0)} Mbit/s, forward ${forward.toFixed(0)} Mbit/s`;
      testInfo.annotations.push({ type: 'rate', description });
      console.log(`TCP ${words}: ${description}`);
      expect(gateway / forward, description).toBeGreaterThan(0.5);
    } finally {
      await lab.down();
    }
  });
