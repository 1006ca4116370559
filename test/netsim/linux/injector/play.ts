// Brings a host into a case's state, hands it the packets, and says what came of it.
import type { Family } from '../../../core/netstack/hostile/family.ts';
import { TcpPeer } from '../../../core/netstack/hostile/tcp-peer.ts';
import { LoneStack } from '../../../support/lone-stack.ts';
import type { Case, State } from './case.ts';
import { describeAnswers, describeOutcome } from './outcome.ts';
import type { Seen, Subject } from './subject.ts';

/** Longer than anybody delays an ACK, in ms. */
const DELAYED_ACK = 60;
/** Where connections of the hosts' own begin. */
const LOCAL_PORT = 30_000;
const PROTOCOL_TCP = 6;

/** A connection that a stray packet made earlier was in the way. */
const NO_STATE = 'no connection';

/** Only a peer that speaks with somebody has one to speak with. */
const nobody = new LoneStack();

export async function play(subject: Subject, what: Case, family: Family, port: number): Promise<string> {
  subject.begin();
  if (what.tellsOfPath) await subject.forgetPaths();
  const { state } = what;
  const peer = new TcpPeer(family, { ...what.options, port }, nobody);
  const isOurs = (packet: Uint8Array): boolean => isFor(packet, family, port);
  const sent = state ? (await reach(subject, peer, state))?.filter(isOurs) : [];
  if (!sent) return NO_STATE;
  if (what.written !== undefined) sent.push(...(await subject.write(port, what.written)).filter(isOurs));
  const before = await subject.seen(port);
  await subject.messages();
  const packets = what.packets({ family, peer, sent });
  const answers = (await subject.inject(...packets)).filter(isOurs);
  const seen = await subject.seen(port);
  // Text may be acknowledged a little later.
  const news = since(seen, before);
  const isDue = news !== undefined && (news.bytes > 0 || news.ended);
  if (isDue && !answers.some((packet) => isTcp(packet, family)))
    answers.push(...(await subject.wait(DELAYED_ACK)).filter(isOurs));
  const messages = await subject.messages();
  await subject.end(port);
  await subject.inject(peer.packet({ flags: 'R' }));
  const words = describeAnswers(answers, family, state ? peer : undefined);
  return describeOutcome(words, news, messages);
}

/** What has been seen since. */
function since(seen: Seen | undefined, before: Seen | undefined): Seen | undefined {
  if (!seen || !before) return seen;
  return {
    bytes: seen.bytes - before.bytes,
    ended: seen.ended && !before.ended,
    failed: seen.failed && !before.failed,
  };
}

function isTcp(packet: Uint8Array, { header }: Family): boolean {
  return packet[header === 20 ? 9 : 6] === PROTOCOL_TCP;
}

/** Another connection's late words are not part of it. */
function isFor(packet: Uint8Array, family: Family, port: number): boolean {
  if (packet[0]! >> 4 !== (family.header === 20 ? 4 : 6)) return false;
  return !isTcp(packet, family) || new DataView(packet.buffer).getUint16(family.header + 2) === port;
}

/** Goes through the states of RFC 9293 §3.3.2; gives back what the host sent on its way, or nothing if it did not begin. */
async function reach(subject: Subject, peer: TcpPeer, state: State): Promise<Uint8Array[] | undefined> {
  const { family, port } = peer;
  if (state === 'SYN-SENT') {
    peer.toPort = LOCAL_PORT + (port % 20_000);
    const sent = await subject.connect(family, port, peer.toPort);
    return takeSyn(peer, sent) ? sent : undefined;
  }
  const sent = await subject.inject(peer.synPacket());
  if (!takeSyn(peer, sent)) return undefined;
  if (state === 'SYN-RECEIVED') return sent;
  const say = async (flags: string, sequence = 0, acknowledgment = 0) =>
    sent.push(...(await subject.inject(peer.packet({ flags, sequence, acknowledgment }))));
  await say('A');
  await subject.accepted(port);
  if (state === 'ESTABLISHED') return sent;
  if (state === 'CLOSE-WAIT' || state === 'LAST-ACK') {
    await say('FA');
    await subject.seen(port);
    if (state === 'LAST-ACK') sent.push(...(await subject.shutdown(port)));
    return sent;
  }
  sent.push(...(await subject.shutdown(port)));
  if (state === 'FIN-WAIT-1') return sent;
  if (state === 'CLOSING') await say('FA');
  else await say('A', 0, 1);
  if (state === 'TIME-WAIT') await say('FA', 0, 1);
  return sent;
}

/** False: there is none. */
function takeSyn(peer: TcpPeer, sent: readonly Uint8Array[]): boolean {
  const syn = sent.find(
    (packet) => isFor(packet, peer.family, peer.port) && (packet[peer.family.header + 13]! & 2) !== 0,
  );
  if (syn) peer.takeSyn(syn);
  return syn !== undefined;
}
