// What README.md shows, word for word.

// ——
import { readFileSync } from 'node:fs';
import { Tunnel } from 'tabwire/node';

const tunnel = await Tunnel.open(readFileSync('demo.conf', 'utf8'));   // what `tabwire demo --write demo.conf` wrote
const response = await tunnel.fetch('http://10.86.0.1/');
console.log(response.status, await response.text());
await tunnel.close();
