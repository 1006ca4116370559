import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { type Algorithms, Client, type ClientChannel, type SFTPWrapper } from 'ssh2';
import { pattern, sha256 } from './bytes.ts';

interface Login {
  host: string;
  username: string;
  privateKey: string;
  algorithms?: Algorithms;
}

async function connected(login: Login): Promise<Client> {
  const client = new Client();
  const ready = once(client, 'ready');
  client.connect({ ...login, port: 22 });
  await ready;
  return client;
}

function channelOf(client: Client, command: string): Promise<ClientChannel> {
  return new Promise((resolve, reject) =>
    client.exec(command, (error, channel) => (error ? reject(error) : resolve(channel))),
  );
}

async function outputOf(channel: ClientChannel): Promise<{ output: Buffer; code: number }> {
  const parts: Buffer[] = [];
  channel.on('data', (part: Buffer) => parts.push(part));
  const [code] = (await once(channel, 'close')) as [number];
  return { output: Buffer.concat(parts), code };
}

/** Whether this way of speaking works: which command's output it has. */
export async function sshSays(login: Login): Promise<string> {
  const client = await connected(login);
  const { output } = await outputOf(await channelOf(client, 'echo $((6 * 7))'));
  client.end();
  return output.toString().trim();
}

/** A command's output and exit code, a megabyte through `cat`, a terminal that changes its size, a file there and back. */
export async function ssh(login: Login, folder: string) {
  const client = await connected(login);
  const failed = await outputOf(await channelOf(client, 'echo out; exit 3'));
  const bytes = pattern(1_000_003);
  const channel = await channelOf(client, 'cat');
  const echoed = outputOf(channel);
  channel.end(bytes);
  const isEchoed = sha256((await echoed).output) === sha256(bytes);
  const size = await terminal(client);
  const file = await files(client, `${folder}/from-the-page`, bytes);
  const closed = once(client, 'close');
  client.end();
  await closed;
  return { output: failed.output.toString(), code: failed.code, isEchoed, size, ...file };
}

async function terminal(client: Client): Promise<string> {
  const shell = await new Promise<ClientChannel>((resolve, reject) =>
    client.shell({ term: 'xterm', rows: 24, cols: 80 }, (error, stream) =>
      error ? reject(error) : resolve(stream),
    ),
  );
  shell.setWindow(50, 132, 0, 0);
  const text = outputOf(shell);
  shell.end('stty size; exit\n');
  return /^50 132\r?$/m.exec((await text).output.toString())?.[0].trim() ?? '';
}

async function files(client: Client, path: string, bytes: Buffer) {
  const sftp = await new Promise<SFTPWrapper>((resolve, reject) =>
    client.sftp((error, made) => (error ? reject(error) : resolve(made))),
  );
  await new Promise<void>((resolve, reject) =>
    sftp.writeFile(path, bytes, (error) => (error ? reject(error) : resolve())),
  );
  const read = await new Promise<Buffer>((resolve, reject) =>
    sftp.readFile(path, (error, data) => (error ? reject(error) : resolve(data))),
  );
  const missing = await new Promise<string>((resolve) =>
    sftp.stat('/nowhere', (error) => resolve(error?.message ?? '')),
  );
  return { isFileWhole: sha256(read) === sha256(bytes), missing };
}
