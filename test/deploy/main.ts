// npm run test:deploy: what of relay/deploy needs programs that CI does not have. The relay's image is built (image.ts) and run
// as compose.yaml does, as nobody in particular, its root read-only, with the console: a handshake passes through it, its metrics
// and its console are there, and it drains. Prometheus reads its rules.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FakeEndpoint, initiation } from '../relay/fake-endpoint.ts';
import { RelayClient, until } from '../relay/relay-client.ts';
import { run } from '../support/child-process.ts';
import { freeTcpPort } from '../support/free-port.ts';
import { obstacle, prepare } from '../support/prerequisites.ts';
import { Image } from './image.ts';

const ORIGIN = 'https://relay.example.com';

try {
  await main();
} catch (error) {
  console.error(`test:deploy: FAILED: ${(error as Error).message}`);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  await prepare('deploy');
  const why = await obstacle('deploy');
  if (why) throw new Error(why);
  console.log(
    await run('promtool', ['check', 'rules', join(import.meta.dirname, '../../relay/deploy/alerts.yaml')]),
  );
  const image = await Image.build();
  console.log(`built; ${JSON.stringify(image.config)}`);
  try {
    await serve(image);
  } finally {
    image.remove();
  }
  console.log('test:deploy: all of it works');
}

async function serve(image: Image): Promise<void> {
  const endpoint = await FakeEndpoint.open();
  const [port, admin] = [await freeTcpPort(), await freeTcpPort()];
  const settings = join(image.mount, 'etc/tabwire');
  mkdirSync(settings);
  writeFileSync(
    join(settings, 'relay.json'),
    JSON.stringify({
      listen: `127.0.0.1:${port}`,
      origins: [ORIGIN],
      allow: [`127.0.0.1:${endpoint.port}`],
      drain: { delay: 0.1, spread: 0.1, notice: 0.1 },
    }),
  );
  const relay = image.start([...image.config.Cmd, '--admin', `127.0.0.1:${admin}`, '--console']);
  try {
    await relay.saw(/relay: ws:/, 20_000);
    const client = await RelayClient.connect(`ws://127.0.0.1:${port}/v1`, { origin: ORIGIN });
    client.send([0, client.open(1, endpoint.port)], [1, initiation(7)]);
    await until(() => client.datagrams.length === 1, 'the response');
    console.log('a handshake passes');
    await expectPage(`http://127.0.0.1:${admin}/metrics`, 'wgrelay_sessions 1');
    await expectPage(`http://127.0.0.1:${port}/`, '<script');
    relay.process.kill('SIGTERM');
    const code = await relay.exited;
    if (code !== 0) throw new Error(`it ended with ${code}\n${relay.output}`);
    console.log('it ends as it should');
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${relay.output}`);
  } finally {
    await relay.stop('SIGKILL');
    await endpoint.close();
  }
}

async function expectPage(url: string, words: string): Promise<void> {
  const response = await fetch(url);
  if (!(await response.text()).includes(words))
    throw new Error(`${url}: ${response.status}, without ${words}`);
  console.log(`${url}: ${response.status}`);
}
