// Everything the module shows. The memory's picture and the calling rules are in README.md.

import { open, seal } from './aead';

export { xOpen, xSeal } from './aead';
export { blake2sBegin, blake2sFinish, blake2sUpdate, hmacBegin, hmacFinish } from './blake2s';
export { hchacha20, setNonce, xorFourBlocks } from './chacha20';
export { poly1305 } from './poly1305';
export { sipHash } from './siphash';

export {
  SCRATCH as scratch, SCRATCH_END as scratchEnd,
  INPUT_KEY as inputKey, INPUT_NONCE as inputNonce, OUTPUT as output,
  INPUT_TEXT as inputText, INPUT_TEXT_END as inputTextEnd,
  KEY_SLOTS as keySlots, KEY_SLOT_COUNT as keySlotCount,
  INGRESS as ingress, EGRESS as egress, PACKET_SLOTS as packetSlots,
} from './memory';

/** Behind the tables that the compiler has put before the scratch. */
export const tablesEnd: usize = __data_end;

/** A WireGuard packet: nonce 0 ‖ counter (WG §5.4.6), no AAD. */
export function sealPacket(key: usize, counterLow: u32, counterHigh: u32, packet: usize, length: usize): void {
  seal(key, 0, counterLow, counterHigh, 0, 0, packet, length);
}

export function openPacket(key: usize, counterLow: u32, counterHigh: u32, packet: usize, length: usize): bool {
  return open(key, 0, counterLow, counterHigh, 0, 0, packet, length);
}

export { open, seal };
