import ssh2 from 'ssh2';
import { expect, it } from 'vitest';
import { makeKeyPair } from '../../src/node/ssh-key-pair.ts';

// Of a thousand that ssh2 makes by itself, four are broken on the average.
it('a key pair can be read again, each of a thousand', () => {
  const { parseKey } = ssh2.utils;
  const unread = Array.from({ length: 1000 }, () => makeKeyPair()).filter(
    (pair) => parseKey(pair.private) instanceof Error || parseKey(pair.public) instanceof Error,
  );
  expect(unread).toEqual([]);
});
