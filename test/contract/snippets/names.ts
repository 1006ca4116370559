// What README.md shows, word for word; above the line what it takes for granted.
import type { Tunnel } from 'tabwire';
declare const tunnel: Tunnel;
export {};

// ——
await tunnel.resolve('db.internal')                  // [{ type: 'A', name: 'db.internal', ttl: 300, address: '10.0.0.5' }]
await tunnel.resolve('_sip._tcp.example', 'SRV')     // AAAA CNAME MX TXT SRV PTR NS SOA CAA NAPTR HTTPS SVCB too
await tunnel.resolve('10.0.0.5', 'PTR')
new tunnel.TCPSocket('db.internal', 5432)            // the first of its addresses that answers, IPv6 and IPv4 by turns
new tunnel.TCPSocket('db', 5432, { dnsQueryType: 'ipv4' })
