import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A file of test/vectors, whose README says where it comes from. */
export function readVectors<T>(name: string): T {
  return JSON.parse(readFileSync(join(import.meta.dirname, '../vectors', name), 'utf8')) as T;
}

export interface SmallVectors {
  blake2s_256: { input: string; hash: string }[];
  blake2s_mac16_key32: { key: string; input: string; mac: string }[];
  blake2s_mac16_key16: { key: string; input: string; mac: string }[];
  hmac_blake2s: { key: string; input: string; mac: string }[];
  kdf3: { key: string; input: string; t: [string, string, string] }[];
  hchacha20: { key: string; nonce16: string; subkey: string }[];
}

export interface Wycheproof<Test> {
  numberOfTests: number;
  testGroups: { tests: Test[] }[];
}

export interface AeadVector {
  tcId: number;
  comment: string;
  flags: string[];
  key: string;
  iv: string;
  aad: string;
  msg: string;
  ct: string;
  tag: string;
  result: 'valid' | 'invalid';
}

export interface X25519Vector {
  tcId: number;
  comment: string;
  flags: string[];
  public: string;
  private: string;
  shared: string;
}

export function allTests<Test>(file: Wycheproof<Test>): Test[] {
  return file.testGroups.flatMap((group) => group.tests);
}
