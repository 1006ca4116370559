import { IpAddress } from '../../../src/core/address.ts';
import { OUR_V4, OUR_V6, PEER_V4, PEER_V6 } from '../../support/lone-stack.ts';
import { icmpPacket } from '../../support/packets.ts';
import { SeededRandom } from '../../support/random.ts';
import { HostilePeer } from '../hostile-peer.ts';

export const name = 'icmp-errors';

const STEPS = 60;
/** No path is believed to be narrower: RFC 1191 would allow 68, but nobody has such a link; RFC 8200 §5. */
const LEAST_PATH = { 4: 552, 6: 1280 };
const MTU = 1420;

/**
 * Errors about packets that really left, and about packets that look like them: cut, changed, older. None of them
 * answers, ends an established connection, or makes a path wider or impossibly narrow.
 */
export function run(seed: number): void {
  const random = new SeededRandom(seed);
  const peer = new HostilePeer(random, seed);
  const { stack } = peer.lone;
  const sent: Uint8Array[] = [];
  const binding = stack.bindUdp({ port: 53 });
  for (let step = 0; step < STEPS; step++) {
    const target = peer.pick(peer.targets);
    if (random.below(2) === 0) target.connection.write(random.bytes(1 + random.below(5000)));
    const remote = { address: IpAddress.parse(random.below(2) === 0 ? PEER_V4 : PEER_V6)!, port: 7 };
    if (random.below(4) === 0) binding.send(random.bytes(random.below(3000)), remote);
    stack.poll(peer.lone.now);
    sent.push(...peer.lone.sent.slice(-4));
    peer.poll();
    if (sent.length > 0) sendError(peer, peer.pick(sent));
    if (random.below(4) === 0) peer.wait(peer.pick([1, 300, 5000]));
    check(peer);
  }
  peer.finish();
}

function sendError(peer: HostilePeer, about: Uint8Array): void {
  const { random } = peer;
  const quoted = about.slice(0, peer.pick([8, 27, 28, 40, 47, 48, 60, 300, about.length]));
  for (let times = random.below(4) === 0 ? 1 + random.below(3) : 0; times > 0 && quoted.length > 0; times--)
    quoted[random.below(quoted.length)] = random.below(256);
  const isIpv4 = about[0]! >> 4 === 4;
  const [source, destination] = isIpv4 ? [PEER_V4, OUR_V4] : [PEER_V6, OUR_V6];
  const tooBig = {
    type: isIpv4 ? 3 : 2,
    code: isIpv4 ? 4 : 0,
    rest: peer.pick([0, 1, 67, 296, 576, 1279, 1280, 1400, 1419, 1420, 65_535]),
  };
  const other = {
    type: peer.pick(isIpv4 ? [3, 4, 5, 11, 12] : [1, 3, 4, 100]),
    code: random.below(16),
    rest: random.next(),
  };
  const message = random.below(2) === 0 ? tooBig : other;
  const answers = peer.send(icmpPacket({ source, destination, ...message, data: quoted }));
  // A segment that was too big goes again at once; nothing else may come of an error.
  for (const answer of answers) if (answer[isIpv4 ? 9 : 6] !== 6) throw new Error('an error was answered');
}

function check({ lone, targets }: HostilePeer): void {
  for (const { connection, version } of targets) {
    if (connection.state !== 'ESTABLISHED') throw new Error(`${connection.state} because of an ICMP error`);
    const { mss } = connection.info();
    const most = MTU - (version === 4 ? 40 : 60);
    if (mss > most || mss < 1) throw new Error(`an MSS of ${mss}`);
  }
  for (const [text, version] of [
    [PEER_V4, 4],
    [PEER_V6, 6],
  ] as const) {
    const path = lone.stack.tcp.ip.pathMtu(IpAddress.parse(text)!);
    if (path < LEAST_PATH[version] || path > MTU) throw new Error(`a path MTU of ${path}`);
  }
}
