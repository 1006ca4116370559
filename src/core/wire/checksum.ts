// The Internet checksum (RFC 1071). Sums are kept folded to 16 bits, in network order, so they can be added,
// compared and written as they are.

import type { IpAddress } from '../address.ts';

/** The folded one's-complement sum of view[start, end), added to `initial`; at most 65,535 bytes. */
export function sum16(view: DataView, start: number, end: number, initial = 0): number {
  let low = 0;
  let high = 0;
  let at = start;
  // Little-endian words; the byte order of the sum is put right once, at the end (RFC 1071 §2(B)). Two sums, which
  // 65,535 bytes cannot make longer than 30 bits, and four words at a time: most of the loop would be its own upkeep.
  for (; at + 16 <= end; at += 16) {
    const a = view.getInt32(at, true);
    const b = view.getInt32(at + 4, true);
    const c = view.getInt32(at + 8, true);
    const d = view.getInt32(at + 12, true);
    low = (low + (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff)) | 0;
    high = (high + (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16)) | 0;
  }
  for (; at + 4 <= end; at += 4) {
    const word = view.getInt32(at, true);
    low = (low + (word & 0xffff)) | 0;
    high = (high + (word >>> 16)) | 0;
  }
  let sum = fold(low) + fold(high);
  if (at + 2 <= end) {
    sum += view.getUint16(at, true);
    at += 2;
  }
  if (at < end) sum += view.getUint8(at);
  sum = fold(sum);
  return fold(initial + (((sum & 0xff) << 8) | (sum >>> 8)));
}

/** Brings a sum of a few 16-bit values back to 16 bits. */
export function fold(sum: number): number {
  sum = (sum & 0xffff) + (sum >>> 16);
  return (sum & 0xffff) + (sum >>> 16);
}

/**
 * The sum of a TCP, UDP or ICMPv6 pseudo-header (RFC 9293 §3.1, RFC 8200 §8.1). The two addresses lie one after the
 * other at `addresses` in the packet, as they do in both IP headers.
 */
export function pseudoHeaderSum(
  view: DataView,
  addresses: number,
  version: 4 | 6,
  protocol: number,
  length: number,
): number {
  return sum16(
    view,
    addresses,
    addresses + (version === 4 ? 8 : 32),
    fold(protocol + (length & 0xffff) + (length >>> 16)),
  );
}

/** What the two addresses add to a pseudo-header's sum; the same for every packet of a connection. */
export function addressSum(source: IpAddress, destination: IpAddress): number {
  return fold(sumOf(source) + sumOf(destination));
}

function sumOf({ word0, word1, word2, word3 }: IpAddress): number {
  return fold(sumOfWord(word0) + sumOfWord(word1) + sumOfWord(word2) + sumOfWord(word3));
}

function sumOfWord(word: number): number {
  return (word >>> 16) + (word & 0xffff);
}
