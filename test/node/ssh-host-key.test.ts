import ssh2 from 'ssh2';
import { expect, it } from 'vitest';
import { makeHostKey } from '../../src/node/ssh-host-key.ts';

it('a host key can be read again, each of a thousand', () => {
  const unread = Array.from({ length: 1000 }, makeHostKey).filter(
    ({ private: secret, public: shown }) =>
      ssh2.utils.parseKey(secret) instanceof Error || shown.split(' ')[1]!.length !== 68,
  );
  expect(unread).toEqual([]);
});
