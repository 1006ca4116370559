import { IpAddress } from '../../src/core/address.ts';
import { LoneStack, OUR_V4, PEER_V4 } from '../support/lone-stack.ts';
import { patternAt } from './pattern.ts';

const BYTES = 40_000_000;
const CHUNK = 1 << 16;
/** One of so many packets is lost, so that recovery is warm, too. */
const LOSS = 500;

/**
 * Moves some megabytes in memory, so that our code is compiled before it is measured, as in a tunnel that has been up for
 * a while. Linux's was compiled long ago; and its slow start, which listens for the rhythm of our ACKs, hears a compiler
 * that takes 5 ms.
 */
export function warmUp(): void {
  const we = new LoneStack();
  const peer = new LoneStack({ addresses: [`${PEER_V4}/24`], seed: 2 });
  const listener = peer.stack.listenTcp({ port: 1 }, peer.now);
  const connection = we.stack.connectTcp({ address: IpAddress.parse(PEER_V4)!, port: 1 }, {}, we.now);
  const target = new Uint8Array(CHUNK);
  let accepted = listener.accept();
  let [sent, received, packets] = [0, 0, 0];
  while (received < BYTES) {
    we.now = peer.now += 1;
    sent += connection.write(patternAt(sent, CHUNK));
    we.poll();
    for (const packet of we.take()) if (++packets % LOSS !== 0) peer.receive(packet);
    peer.poll();
    accepted ??= listener.accept();
    for (let got = accepted?.readInto(target) ?? 0; got > 0; got = accepted!.readInto(target))
      received += got;
    for (const packet of peer.take()) we.receive(packet);
  }
  if (`${connection.local.address}` !== OUR_V4) throw new Error('the warm-up went elsewhere');
}
