import { Buffer } from 'node:buffer';
import { type EventEmitter, once } from 'node:events';
import { connectAsync, type MqttClient } from 'mqtt';
import { pattern, sha256 } from './bytes.ts';

/** A large message and a small one, sent with all the assurances there are, to another that listens; and what is kept. */
export async function mqtt(url: string) {
  const [sender, listener] = await Promise.all([connectAsync(url), connectAsync(url)]);
  await listener.subscribeAsync('house/#', { qos: 2 });
  const bytes = pattern(200_001);
  const large = messageOf(listener);
  await sender.publishAsync('house/picture', bytes, { qos: 2 });
  const [topic, payload] = await large;
  const small = messageOf(listener);
  await sender.publishAsync('house/lamp', 'grün', { qos: 1, retain: true });
  const [, text] = await small;
  const late = await connectAsync(url);
  const kept = messageOf(late);
  await late.subscribeAsync('house/lamp');
  const [, retained] = await kept;
  // Nothing is kept for the next run.
  await sender.publishAsync('house/lamp', '', { qos: 1, retain: true });
  await Promise.all([sender, listener, late].map((client) => client.endAsync()));
  return {
    topic,
    isBuffer: Buffer.isBuffer(payload),
    isWhole: sha256(payload) === sha256(bytes),
    text: text.toString(),
    retained: retained.toString(),
  };
}

/** Its emitter is one, and its types do not say so. */
async function messageOf(client: MqttClient): Promise<[string, Buffer]> {
  return (await once(client as unknown as EventEmitter, 'message')) as [string, Buffer];
}
