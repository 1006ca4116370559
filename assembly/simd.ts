// Short names for the 128-bit operations that the ciphers spell out row by row. All of them disappear by inlining.

/** Sum of four 32-bit words, each modulo 2³². */
@inline
export function add(a: v128, b: v128): v128 {
  return i32x4.add(a, b);
}

@inline
export function xor(a: v128, b: v128): v128 {
  return v128.xor(a, b);
}

/** 0xff in the first `count` bytes, zero in the others. */
@inline
export function firstBytes(count: usize): v128 {
  const index = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  return i8x16.lt_u(index, i8x16.splat(<i8>count));
}
