// What src/README.md shows, word for word; above the line what it takes for granted.
import type { Tunnel } from 'tabwire';
declare const tunnel: Tunnel;
declare const another: Tunnel;
declare const tls: NonNullable<Parameters<typeof setDefaultTunnel>[1]>['tls'];

// ——
import { connect, setDefaultTunnel } from 'tabwire/shims/net';
setDefaultTunnel(tunnel, { tls });   // `tls`: the layer that tls.connect puts over its connections, if there is one
connect({ host: 'db.internal', port: 5432, tunnel: another });
