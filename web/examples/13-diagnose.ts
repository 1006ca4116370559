// The way, leg by leg, of a tunnel that works and of one whose key nobody knows.
import { generatePrivateKey, Tunnel } from 'tabwire';
import { config, done, host, print, publicConfig, relay } from './demo.ts';

await using tunnel = await Tunnel.open(config, { relay });
for await (const { leg, ok, detail } of tunnel.diagnose({ host })) print(ok ? '✓' : '✗', leg, '–', detail);

await using stranger = await Tunnel.open(publicConfig, { relay, privateKey: generatePrivateKey() });
for await (const { leg, ok, detail, advice } of stranger.diagnose({ host, timeout: 1500 }))
  if (!ok) print('✗', leg, '–', advice ?? detail);
done();
