// Transport messages (WG §5.4.6), sealed and opened where they lie. Nothing here makes an object.
import type { CryptoSuite } from '../crypto/suite.ts';
import type { PacketBuffer } from '../packet-buffer.ts';
import type { Instant } from '../time.ts';
import { PADDING_MULTIPLE } from './constants.ts';
import type { DatagramDrop } from './drops.ts';
import type { Keypair } from './keypair.ts';
import { COUNTER_HIGH, COUNTER_LOW, TRANSPORT_HEADER_SIZE, writeTransportHeader } from './messages.ts';
import { isBeyondLimit } from './replay.ts';

/** The length of an inner packet with its padding: a multiple of 16, but never past the MTU. An MTU of 0 is unknown. */
export function paddedLength(length: number, mtu: number): number {
  const last = mtu > 0 && length > mtu ? length % mtu : length;
  const padded = Math.ceil(last / PADDING_MULTIPLE) * PADDING_MULTIPLE;
  return length - last + (mtu > 0 ? Math.min(mtu, padded) : padded);
}

/**
 * Turns an inner packet (or nothing, for a keepalive) into a datagram: padding, tag, and the header before it. Needs 16
 * bytes before the packet and 31 after it. The caller has checked that the keypair may send.
 */
export function sealTransport(
  crypto: CryptoSuite,
  keypair: Keypair,
  packet: PacketBuffer,
  mtu: number,
): void {
  const { counterLow, counterHigh } = keypair;
  keypair.countSent();
  const padding = paddedLength(packet.length, mtu) - packet.length;
  if (padding > 0) {
    const at = packet.append(padding);
    packet.memory.fill(0, at, at + padding);
  }
  crypto.seal(keypair.sendKey, counterLow, counterHigh, packet);
  const header = packet.prepend(TRANSPORT_HEADER_SIZE);
  writeTransportHeader(packet.view, header, keypair.remoteIndex, counterLow, counterHigh);
}

/**
 * Leaves the inner packet with its padding; or says why not, with the datagram as it was or its header gone. Only what
 * is authentic counts as seen.
 */
export function openTransport(
  crypto: CryptoSuite,
  keypair: Keypair,
  datagram: PacketBuffer,
  now: Instant,
): DatagramDrop | undefined {
  if (!keypair.canReceive(now)) return 'expired_session';
  const { view, start } = datagram;
  const counterLow = view.getUint32(start + COUNTER_LOW, true);
  const counterHigh = view.getUint32(start + COUNTER_HIGH, true);
  datagram.trimFront(TRANSPORT_HEADER_SIZE);
  if (!crypto.open(keypair.receiveKey, counterLow, counterHigh, datagram)) return 'bad_tag';
  if (isBeyondLimit(counterLow, counterHigh)) return 'counter_limit';
  return keypair.replay.accept(counterLow, counterHigh) ? undefined : 'replay';
}
