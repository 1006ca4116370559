import { fromHex } from '../../support/hex.ts';

// Packets as Linux 6.18 wrote them to a TUN device: what the formats look like according to somebody else.

/** `ping -s 16 10.9.0.2` from 10.9.0.1. */
export const LINUX_ECHO_V4 = fromHex(`
  4500002c c9bc4000 4001 5d00 0a090001 0a090002
  0800 5354 480d 0001 f33c036b 00000000 59f50c00 00000000`);

/** `ping -s 16 fd09::2` from fd09::1. */
export const LINUX_ECHO_V6 = fromHex(`
  600601aa 0018 3a 40 fd090000000000000000000000000001 fd090000000000000000000000000002
  8000 e2eb 480e 0001 f33c036b 00000000 57f30c00 00000000`);

/** "hello" from 10.9.0.1, port 44293, to 10.9.0.2, port 5353. */
export const LINUX_UDP_V4 = fromHex(`
  45000021 dc5e4000 4011 4a59 0a090001 0a090002 ad05 14e9 000d e5fe 68656c6c6f`);

/** "hello" from fd09::1, port 36987, to fd09::2, port 5353. */
export const LINUX_UDP_V6 = fromHex(`
  60098f33 000d 11 40 fd090000000000000000000000000001 fd090000000000000000000000000002
  907b 14e9 000d 1c87 68656c6c6f`);

/** The headers of both fragments of `ping -s 1400 10.9.0.2` at an MTU of 1280. */
export const LINUX_FRAGMENT_1_V4 = fromHex('450004fc 49d02000 4001 f81c 0a090001 0a090002');
export const LINUX_FRAGMENT_2_V4 = fromHex('450000ac 49d0009d 4001 1bd0 0a090001 0a090002');

/** The same for `ping -s 1400 fd09::2`, each with its fragment header. */
export const LINUX_FRAGMENT_1_V6 = fromHex(`
  600601aa 04d8 2c 40 fd090000000000000000000000000001 fd090000000000000000000000000002 3a000001 fd58739c`);
export const LINUX_FRAGMENT_2_V6 = fromHex(`
  600601aa 00b8 2c 40 fd090000000000000000000000000001 fd090000000000000000000000000002 3a0004d0 fd58739c`);
