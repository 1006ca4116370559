/** Why a datagram was refused. None is ever answered (WG §5.1), but with a cookie under load. */
export type DatagramDrop =
  /** No message of WireGuard by its type and length. */
  | 'malformed'
  | 'device_down'
  | 'bad_mac1'
  /** Its answer depended on a static key that was replaced before it came. */
  | 'identity_changed'
  /** Too many handshake messages wait for their turn. */
  | 'handshake_queue_full'
  /** Under load, without proof that the sender is where it says it is: it was sent a cookie. */
  | 'cookie_sent'
  /** Under load, from a sender that has had its share. */
  | 'ratelimited'
  | 'unknown_peer'
  /** The initiation's static key does not open, or a DH is all zero. */
  | 'bad_static'
  | 'bad_timestamp'
  | 'replayed_initiation'
  | 'initiation_flood'
  | 'unexpected_response'
  | 'bad_response'
  /** A cookie reply for nobody, or about nothing we sent. */
  | 'unexpected_cookie'
  | 'bad_cookie'
  /** There was no room for the keys of a new session. */
  | 'no_key_slot'
  | 'unknown_index'
  | 'expired_session'
  | 'bad_tag'
  | 'replay'
  | 'counter_limit'
  /** No IP packet inside. */
  | 'bad_inner'
  /** An inner source address that is not in the peer's allowed IPs. */
  | 'disallowed_source';

/** Why a packet to be sent was not. */
export type PacketDrop =
  /** No IP packet. */
  | 'bad_inner'
  | 'no_peer'
  | 'no_endpoint'
  | 'staged_overflow'
  /** Too large to wait for a session. */
  | 'too_large_to_stage'
  | 'handshake_gave_up'
  | 'keys_zeroed'
  | 'peer_stopped';

export type DeviceDrop = DatagramDrop | PacketDrop;
