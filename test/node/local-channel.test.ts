import { describe, expect, it } from 'vitest';
import type { Port } from '../../src/bridge/channel.ts';
import { openLocalChannel } from '../../src/node/local-channel.ts';

function listen(port: Port, heard: unknown[] = []): unknown[] {
  port.onmessage = ({ data }) => heard.push(data);
  return heard;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('a channel within a thread', () => {
  it('delivers in order, in a later turn, both ways', async () => {
    const { near, far } = openLocalChannel();
    const [here, there] = [listen(near), listen(far)];
    for (let i = 0; i < 3; i++) {
      near.postMessage(i);
      far.postMessage(-i);
    }
    await Promise.resolve();
    expect(there).toEqual([]);
    await turn();
    expect(there).toEqual([0, 1, 2]);
    expect(here).toEqual([-0, -1, -2]);
  });

  it('keeps what comes before there is a listener, in order with what comes after', async () => {
    const { near, far } = openLocalChannel();
    near.postMessage('early');
    near.postMessage('too');
    await turn();
    const heard = listen(far);
    near.postMessage('late');
    await turn();
    await turn();
    expect(heard).toEqual(['early', 'too', 'late']);
  });

  it('delivers what was posted before its other end closed, and nothing to an end that closed itself', async () => {
    const { near, far } = openLocalChannel();
    const [here, there] = [listen(near), listen(far)];
    near.postMessage('last');
    far.postMessage('in vain');
    near.close();
    near.postMessage('afterwards');
    await turn();
    expect(there).toEqual(['last']);
    expect(here).toEqual([]);
  });

  it('lets what is posted meanwhile wait for the next turn, so that two ends cannot keep the thread', async () => {
    const { near, far } = openLocalChannel();
    let rounds = 0;
    near.onmessage = () => near.postMessage(++rounds);
    far.onmessage = () => far.postMessage(rounds);
    near.postMessage(0);
    await turn();
    await turn();
    expect(rounds).toBeLessThan(4);
    near.close();
  });
});
