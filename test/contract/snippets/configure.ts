// What README.md shows, word for word; above the line what it takes for granted.
import type { Tunnel } from 'tabwire';
declare const tunnel: Tunnel;
declare const newText: string;
export {};

// ——
const { peers, resets } = await tunnel.configure(newText);   // like `wg syncconf`
console.log(peers, resets);
// peers: { added: […], removed: […], changed: […] }   public keys; whoever is in none of the lists noticed nothing
// resets: [{ change: 'mtu', resets: 'nothing', count: 0, detail: 'The MTU is now 1280. All connections obey it …' }]
