// Scripts of packetdrill's repository and of the kernel's self-tests that fail for a reason that we know and stand by.

export interface Deviation {
  readonly id: string;
  readonly reason: string;
  /** Names of files, with their folder where the name alone would mean little. */
  readonly files: readonly string[];
}

export const DEVIATIONS: readonly Deviation[] = [
  {
    id: 'eight-segments',
    reason:
      'one ACK lets slow start grow by eight segments at most (RFC 9406 §4.3 without pacing); Linux has no such bound',
    files: [
      'blocking-write',
      'cubic-hystart-delay-min-rtt-jumps-downward',
      'cubic-hystart-delay-rtt-jumps-upward',
      'slow-start-after-idle',
      'slow-start-after-win-update',
      'slow-start-app-limited',
      'slow-start-app-limited-9-packets-out',
    ],
  },
  {
    id: 'missing-timestamp',
    reason: 'once negotiated, a segment without timestamps is dropped (RFC 7323 §3.2); Linux takes it',
    files: ['pure-syn-data', 'inq/client'],
  },
  {
    id: 'ack-of-unsent-text',
    reason: 'an ACK of what was never sent is answered (RFC 9293 §3.10.7.4); the script wants silence',
    files: ['invalid_ack'],
  },
  {
    id: 'flight-size',
    reason:
      'a loss reduces what was in flight (RFC 9438 §4.6, RFC 5681 §3.1); Linux reduces the window itself',
    files: ['cubic-rto-ss-ca-cwnd-bump'],
  },
  {
    id: 'sacked-counts-when-acknowledged',
    reason: 'slow start grows by all that SND.UNA passes (RFC 5681 §3.1), also what was SACKed before',
    files: ['limited-transmit-no-sack', 'limited-transmit-sack'],
  },
  {
    id: 'prr-of-what-rack-found',
    reason: 'new losses on an ACK keep PRR from its extra segment (RFC 9937 §6.2, SafeACK)',
    files: ['prr-ss-ack-below-snd_una-cubic'],
  },
  {
    id: 'reordering-timer',
    reason: 'RACK waits a quarter of the least RTT (RFC 8985 §6.2); Linux adds two ticks of its clock',
    files: ['fr-4pkt-fack-last-mss'],
  },
  {
    id: 'more-until-told',
    reason:
      'MSG_MORE holds until a call without it, or for a retransmission timeout; in Linux the next ACK ends it',
    files: ['sendmsg_msg_more'],
  },
  {
    id: 'orphans-answer',
    reason:
      'text for an application that is gone is reset by the connection, numbered SND.NXT (RFC 9293 §3.10.7.4)',
    files: ['user_timeout'],
  },
  {
    id: 'duplicate-is-reported',
    reason: 'a segment that came before is reported by DSACK even beside a FIN (RFC 2883 §4)',
    files: ['close_no_rst'],
  },
  {
    id: 'duplicate-in-a-large-segment',
    reason: 'a segment that covers text behind a gap and more is taken without a DSACK for it',
    files: ['dsack_mult'],
  },
  {
    id: 'buffer-accounting',
    reason:
      'buffers hold the bytes they are asked to hold, and windows are all of it; Linux doubles, and counts overhead',
    files: [
      'rcv_zero_wnd_fin',
      'rcv_neg_window',
      'ooo_rcv_mss',
      'epoll_out_edge',
      'epoll_out_edge_default_notsent_lowat',
      'epoll_out_edge_notsent_lowat',
      'notsent-lowat-default',
      'notsent-lowat-setsockopt',
    ],
  },
];

/** The deviation that explains why a file fails. The kernel has its files' folders in their names. */
export function deviationOf(path: string): Deviation | undefined {
  const flat = `_${path.replaceAll('/', '_')}`;
  return DEVIATIONS.find(({ files }) =>
    files.some((file) => flat.endsWith(`_${file.replaceAll('/', '_')}.pkt`)),
  );
}
