// Scripts of packetdrill's repository and of the kernel's self-tests that fail for a reason that we know and stand by.
import { basename } from 'node:path';
import { corpusPathOf } from './corpus.ts';

export interface Deviation {
  readonly id: string;
  readonly reason: string;
  /** Paths below packetdrill's gtests/net/tcp, without `.pkt`; or names below the kernel's, without `tcp_`. */
  readonly files: readonly string[];
}

export const DEVIATIONS: readonly Deviation[] = [
  {
    id: 'eight-segments',
    reason:
      'one ACK lets slow start grow by eight segments at most (RFC 9406 §4.3 without pacing); Linux has no such bound',
    files: [
      'blocking/blocking-write',
      'cubic/cubic-hystart-delay-min-rtt-jumps-downward',
      'cubic/cubic-hystart-delay-rtt-jumps-upward',
      'slow_start/slow-start-after-idle',
      'slow_start/slow-start-after-win-update',
      'slow_start/slow-start-app-limited',
      'slow_start/slow-start-app-limited-9-packets-out',
    ],
  },
  {
    id: 'conservative-slow-start',
    reason: 'when round trips grow, slow start first goes on at a quarter of its pace (RFC 9406 §4.2)',
    files: ['cubic/cubic-bulk-166k', 'cubic/cubic-bulk-166k-idle-restart'],
  },
  {
    id: 'no-pacing',
    reason: 'what may leave leaves at once; the script spaces it out by the fq queue',
    files: ['slow_start/slow-start-fq-ack-per-2pkt'],
  },
  {
    id: 'missing-timestamp',
    reason: 'once negotiated, a segment without timestamps is dropped (RFC 7323 §3.2); Linux takes it',
    files: ['fastopen/server/opt34/pure-syn-data', 'fastopen/server/pure-syn-data', 'inq/client'],
  },
  {
    id: 'ack-of-unsent-text',
    reason: 'an ACK of what was never sent is answered (RFC 9293 §3.10.7.4); the script wants silence',
    files: ['ts_recent/invalid_ack'],
  },
  {
    id: 'ack-before-our-first-byte',
    reason:
      'the script’s text acknowledges our initial sequence number itself; so does Linux refuse it by now',
    files: ['gro/gro-mss-option'],
  },
  {
    id: 'flight-size',
    reason:
      'a loss reduces what was in flight (RFC 9438 §4.6, RFC 5681 §3.1); Linux reduces the window itself',
    files: ['cubic/cubic-rto-ss-ca-cwnd-bump'],
  },
  {
    id: 'sacked-counts-when-acknowledged',
    reason: 'slow start grows by all that SND.UNA passes (RFC 5681 §3.1), also what was SACKed before',
    files: ['limited_transmit/limited-transmit-no-sack', 'limited_transmit/limited-transmit-sack'],
  },
  {
    id: 'prr-of-what-rack-found',
    reason: 'new losses on an ACK keep PRR from its extra segment (RFC 9937 §6.2, SafeACK)',
    files: ['fast_recovery/prr-ss-ack-below-snd_una-cubic'],
  },
  {
    id: 'reordering-timer',
    reason: 'RACK waits a quarter of the least RTT (RFC 8985 §6.2); Linux adds two ticks of its clock',
    files: ['fast_retransmit/fr-4pkt-fack-last-mss'],
  },
  {
    id: 'more-until-told',
    reason:
      'MSG_MORE holds until a call without it, or for a retransmission timeout; in Linux the next ACK ends it',
    files: ['nagle/sendmsg_msg_more'],
  },
  {
    id: 'orphans-answer',
    reason:
      'text for an application that is gone is reset by the connection, numbered SND.NXT (RFC 9293 §3.10.7.4)',
    files: ['user_timeout/user_timeout'],
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
      'epoll/epoll_out_edge',
      'epoll/epoll_out_edge_default_notsent_lowat',
      'epoll/epoll_out_edge_notsent_lowat',
      'notsent_lowat/notsent-lowat-default',
      'notsent_lowat/notsent-lowat-setsockopt',
      'notsent_lowat/notsent-lowat-sysctl',
    ],
  },
];

/**
 * The deviation that explains why a script fails: one of the corpus by its content, whatever it is called, one of the
 * kernel's by its name, which has the folder in it.
 */
export function deviationOf(path: string, source: string): Deviation | undefined {
  const [, inCorpus] = /^gtests\/net\/tcp\/(.*)\.pkt$/.exec(corpusPathOf(source) ?? '') ?? [];
  if (inCorpus) return DEVIATIONS.find(({ files }) => files.includes(inCorpus));
  const name = basename(path);
  return DEVIATIONS.find(({ files }) =>
    files.some((file) => name === `tcp_${file.replaceAll('/', '_')}.pkt`),
  );
}
