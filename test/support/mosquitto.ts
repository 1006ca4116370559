import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './child-process.ts';
import type { Namespace } from './namespace.ts';

/** Debian's MQTT broker inside a namespace: port 1883, and 9001 over WebSockets, of both families, for anybody. */
export async function startMosquitto(namespace: Namespace): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tabwire-mosquitto-'));
  const file = join(folder, 'mosquitto.conf');
  writeFileSync(file, 'listener 1883\nlistener 9001\nprotocol websockets\nallow_anonymous true\nuser root\n');
  const broker = namespace.start('mosquitto', ['-c', file]);
  const listens = (port: number) => namespace.exec('ss', '-Hltn', `sport = :${port}`);
  await until('mosquitto listens', async () => {
    if (!broker.running) throw new Error(`mosquitto ended\n${broker.output}`);
    return (await listens(1883)) !== '' && (await listens(9001)) !== '';
  });
  rmSync(folder, { recursive: true });
}
