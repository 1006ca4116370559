import { CELLS, type Cell } from '../netsim/cells.ts';
import { transfer } from '../netsim/transfer.ts';
import { expect, test } from '../support/interop-test.ts';

/** Enough for two megabytes, with a loss every hundred packets. */
const cell: Cell = { ...CELLS.find(({ name }) => name === 'loss 1 %, 20 ms')!, family: 4 };
const SECONDS = 3;

test('our TCP moves megabytes through a network that loses packets, to Linux and from it @core', async ({
  interopWorks,
}) => {
  expect(interopWorks).toBe(true);
  // Each stream is compared with what was sent: `transfer` throws if it arrives changed.
  const [sent, received] = await Promise.all([
    transfer(cell, 'send', { seed: 1, seconds: SECONDS }),
    transfer(cell, 'receive', { seed: 1, seconds: SECONDS }),
  ]);
  for (const { network, receiver } of [sent, received]) {
    expect(receiver.samples.at(-1)![1]).toBeGreaterThan(SECONDS * 200_000);
    // The network did what was asked of it, and could keep up.
    expect(network.ab.lost).toBeGreaterThan(3);
    expect(network.refused).toBe(0);
    expect(network.ab.retransmitted).toBeGreaterThan(3);
  }
});
