// A web page out of the private network, and a download that is hashed as it comes.
import { Tunnel } from 'tabwire';
import { config, done, host, print, relay } from './demo.ts';

await using tunnel = await Tunnel.open(config, { relay });

const page = await tunnel.fetch(`http://${host}/`);
print(page.status, page.headers.get('content-type'));
print(/<h1>(.*)<\/h1>/.exec(await page.text())![1]);

const download = await tunnel.fetch(`http://${host}/download/8MiB.bin`);
let bytes = 0;
for await (const chunk of download.body!) bytes += chunk.length;
print('downloaded', bytes, 'bytes');

const missing = await tunnel.fetch(`http://${host}/missing`, { method: 'HEAD' });
print(missing.status, missing.ok);
done();
