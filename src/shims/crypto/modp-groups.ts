// The groups of RFC 2409 §6 and RFC 3526: each prime is 2^n − 2^(n−64) − 1 + 2^64 · ([2^(n−130) · π] + c).
import { codedError } from '../errors.ts';

const GROUPS: Readonly<Record<string, [bits: number, c: number]>> = {
  modp1: [768, 149_686],
  modp2: [1024, 129_093],
  modp5: [1536, 741_804],
  modp14: [2048, 124_476],
  modp15: [3072, 1_690_314],
  modp16: [4096, 240_904],
  modp17: [6144, 929_484],
  modp18: [8192, 4_743_158],
};

const primes = new Map<string, bigint>();

export function primeOf(name: string): bigint {
  if (!Object.hasOwn(GROUPS, name))
    throw codedError(Error, 'ERR_CRYPTO_UNKNOWN_DH_GROUP', 'Unknown DH group');
  let prime = primes.get(name);
  if (prime === undefined) {
    const [bits, c] = GROUPS[name]!;
    const n = BigInt(bits);
    prime = 2n ** n - 2n ** (n - 64n) - 1n + 2n ** 64n * (pi(bits - 130) + BigInt(c));
    primes.set(name, prime);
  }
  return prime;
}

/** [2^bits · π], by Machin: π = 16 arctan 1/5 − 4 arctan 1/239. */
function pi(bits: number): bigint {
  const guard = 32n;
  const one = 1n << (BigInt(bits) + guard);
  return (16n * arctanOfInverse(5n, one) - 4n * arctanOfInverse(239n, one)) >> guard;
}

function arctanOfInverse(x: bigint, one: bigint): bigint {
  let power = one / x;
  let sum = power;
  for (let n = 3n, sign = -1n; power > 0n; n += 2n, sign = -sign) {
    power /= x * x;
    sum += (sign * power) / n;
  }
  return sum;
}
