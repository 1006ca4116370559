/** Why a packet went no further, in words for who sees the number. Pure. */

type Kind =
  /** Something is wrong, or somebody tries something. */
  | 'refused'
  /** Belongs to an ordinary life: it came after it mattered, or again. */
  | 'late'
  /** No packet that came, but an answer to one that we did not give. */
  | 'unsent';

export interface DropWords {
  kind: Kind;
  words: string;
}

const LATE = {
  tcp_no_connection: 'for a connection that is closed: what was still on its way',
  tcp_time_wait: 'for a connection that has just ended',
  tcp_duplicate: 'came a second time: its acknowledgement was late or lost',
  tcp_after_fin: 'after the end of a connection',
  tcp_outside_window: 'not for this place in a connection: old, or sent again',
  tcp_paws: 'older than what a connection has seen',
  'echo-reply-unknown': 'an answer to a ping that nobody waits for any more',
  'dns-late': 'a DNS answer after the one that counted',
  'dns-case': 'a DNS answer in letters of another case: asked again over TCP',
  'icmp-quote': 'an error about nothing that is open here',
  'icmp-ignored': 'a message that is for routers',
  tcp_icmp_mismatch: 'an error about nothing that was sent',
  expired_session: 'under keys that have had their time',
  unknown_index: 'for a session that is over',
  unexpected_response: 'an answer to a handshake that is over',
  unexpected_cookie: 'a cookie for a handshake that is over',
  identity_changed: 'for a key that was replaced meanwhile',
  unknown_channel: 'from an endpoint that is not used any more',
} as const;

const UNSENT = {
  tcp_reset_rate_limit: 'not answered with a reset, to keep answers few',
  'echo-limit': 'pings not answered, to keep answers few',
  'icmp-error-limit': 'errors not told, to keep answers few',
} as const;

const REFUSED = {
  // To the relay and from it.
  congested: 'more than the way out may hold',
  not_connected: 'while the relay was not connected',
  unresolved: 'before the endpoint’s name had an address',
  too_big: 'larger than the relay takes',
  send_failed: 'the system did not send it',
  no_endpoint: 'nobody knows where the peer is, or the relay refuses to send there',
  bad_message: 'no message of the relay’s protocol',
  unknown_source: 'from a place that nobody here called',
  // WireGuard.
  malformed: 'no message of WireGuard',
  device_down: 'while the tunnel was closing',
  bad_mac1: 'not made for our public key',
  handshake_queue_full: 'too many handshakes at once',
  cookie_sent: 'a handshake, under load, from who did not show where they are',
  ratelimited: 'too many handshakes from one place',
  unknown_peer: 'a handshake with a key that is not in the configuration',
  bad_static: 'a handshake that does not open',
  bad_timestamp: 'a handshake whose time does not open',
  replayed_initiation: 'a handshake that was there before',
  initiation_flood: 'handshakes faster than a peer makes them',
  bad_response: 'an answer that does not open: is the preshared key the same?',
  bad_cookie: 'a cookie that does not open',
  no_key_slot: 'no room for another session',
  bad_tag: 'changed on its way, or not from the peer',
  replay: 'was there before: sent again by somebody, or far out of turn',
  counter_limit: 'the session has sent all that it may',
  bad_inner: 'no IP packet inside',
  disallowed_source: 'from an address outside the peer’s AllowedIPs',
  no_peer: 'to an address in no peer’s AllowedIPs',
  staged_overflow: 'too many waited for a handshake',
  too_large_to_stage: 'too large to wait for a handshake',
  handshake_gave_up: 'waited for a handshake that nobody answered',
  keys_zeroed: 'waited for keys that were too old',
  peer_stopped: 'to a peer that was removed',
  // IP.
  'ip-version': 'neither IPv4 nor IPv6',
  'ip-short': 'shorter than its header says',
  'ipv4-header-length': 'a damaged IPv4 header',
  'ipv4-total-length': 'a damaged IPv4 header',
  'ipv4-checksum': 'a damaged IPv4 header',
  'ipv4-options': 'damaged IPv4 options',
  'ipv4-source-route': 'wants to choose its own way (source route)',
  'ipv6-payload-length': 'a damaged IPv6 header',
  'ipv6-extension-length': 'a damaged IPv6 header',
  'ipv6-extension-order': 'IPv6 headers in a wrong order',
  'ipv6-extension-limit': 'too many IPv6 headers',
  'ipv6-option': 'an IPv6 option that must be understood and is not',
  'ipv6-routing-header': 'wants to choose its own way (routing header)',
  'ipv6-no-next-header': 'empty',
  'ip-source': 'from an address that nobody has',
  'ip-source-is-ours': 'from our own address, and not from us',
  'ip-destination': 'to an address that is not ours',
  'protocol-unknown': 'a protocol that is not spoken here',
  'protocol-to-group': 'to many, in a protocol for two',
  'fragment-malformed': 'a damaged fragment',
  'fragment-duplicate': 'a fragment that came again',
  'fragment-overlap': 'fragments that contradict each other',
  'fragment-limit': 'too many fragments at once',
  'fragment-timeout': 'a packet whose other fragments did not come',
  'fragment-ecn': 'fragments that contradict each other',
  'loopback-full': 'too much at once from us to ourselves',
  // ICMP, UDP, DNS.
  'icmp-short': 'a damaged ICMP message',
  'icmp-checksum': 'a damaged ICMP message',
  'udp-length': 'a damaged UDP datagram',
  'udp-checksum': 'a damaged UDP datagram',
  'udp-port-zero': 'from or to UDP port 0',
  'udp-port-closed': 'for a UDP port that nothing here listens on',
  'udp-queue-full': 'UDP faster than it was read',
  'udp-send-queue-full': 'UDP faster than it could leave',
  'dns-malformed': 'no DNS message',
  'dns-unexpected': 'a DNS answer that nobody asked for',
  // TCP.
  tcp_malformed: 'a damaged TCP header',
  tcp_checksum: 'a damaged TCP segment',
  tcp_port_zero: 'from or to TCP port 0',
  tcp_bad_flags: 'TCP flags that contradict each other',
  tcp_syn_queue_full: 'too many connections begin at once',
  tcp_accept_queue_full: 'more connections than were taken',
  tcp_bad_cookie: 'the end of a handshake that never began',
  tcp_no_timestamp: 'without the timestamp that its connection has',
  tcp_bad_reset: 'a reset that does not fit its connection',
  tcp_unexpected_syn: 'a beginning in the middle of a connection',
  tcp_no_ack: 'without an acknowledgement',
  tcp_bad_ack: 'acknowledges what was never sent',
  tcp_memory: 'no memory left to hold it until its turn',
  tcp_ranges: 'too many gaps before it',
} as const;

export type DropReason = keyof typeof LATE | keyof typeof UNSENT | keyof typeof REFUSED;

/** One that is newer than these words is shown by its name. */
export function dropWords(reason: string): DropWords {
  const kinds = [
    ['late', LATE],
    ['unsent', UNSENT],
    ['refused', REFUSED],
  ] as const;
  for (const [kind, table] of kinds)
    if (Object.hasOwn(table, reason)) return { kind, words: (table as Record<string, string>)[reason]! };
  return { kind: 'refused', words: reason.replaceAll(/[_-]/g, ' ') };
}
