import ssh2 from 'ssh2';
import { expect, it } from 'vitest';
import { makeKeyPair } from '../../../src/node/ssh-key-pair.ts';
import { SshConnection } from '../../../web/ssh/connection.ts';
import { connectionPair, sshOptions } from '../../support/ssh-visit.ts';

it('a server that ends its side in the middle of the login has ended the connection', async () => {
  const [ours, theirs] = connectionPair();
  const server = new ssh2.Server({ hostKeys: [makeKeyPair().private] }, (client) => {
    client.on('error', () => {});
    client.on('authentication', () => theirs.end());
  });
  server.injectSocket(theirs as never);
  await expect(SshConnection.open(ours, sshOptions())).rejects.toThrow('demo:22 ended the connection');
});

it('a server that ends its side later, too', async () => {
  const [ours, theirs] = connectionPair();
  const server = new ssh2.Server({ hostKeys: [makeKeyPair().private] }, (client) => {
    client.on('error', () => {});
    client.on('authentication', (login) => login.accept());
  });
  server.injectSocket(theirs as never);
  const connection = await SshConnection.open(ours, sshOptions());
  theirs.end();
  await connection.closed;
});
