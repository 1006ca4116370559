// `tcpi_…`, read from what a connection says of itself.
import { MAX_CWND } from '../../src/core/netstack/tcp/congestion.ts';
import type { TcpConnection } from '../../src/core/netstack/tcp/connection.ts';
import type { TcpInfo } from '../../src/core/netstack/tcp/state.ts';
import type { Value } from './code.ts';
import { INFO_CONSTANTS } from './constants.ts';
import { Skip } from './script.ts';

const STATES: Record<TcpInfo['state'], number> = {
  ESTABLISHED: 1,
  'SYN-SENT': 2,
  'SYN-RECEIVED': 3,
  'FIN-WAIT-1': 4,
  'FIN-WAIT-2': 5,
  'TIME-WAIT': 6,
  CLOSED: 7,
  'CLOSE-WAIT': 8,
  'LAST-ACK': 9,
  CLOSING: 11,
};
/** What Linux calls "no threshold yet". */
const NO_THRESHOLD = 0x7fffffff;

/** Sizes in segments where Linux counts segments, times in microseconds. */
const FIELDS: Record<string, (info: TcpInfo) => number> = {
  tcpi_state: ({ state }) => STATES[state],
  tcpi_snd_cwnd: ({ cwnd, mss }) => Math.floor(cwnd / mss),
  tcpi_snd_ssthresh: ({ ssthresh, mss }) =>
    ssthresh >= MAX_CWND ? NO_THRESHOLD : Math.floor(ssthresh / mss),
  tcpi_rtt: ({ rtt }) => Math.round(rtt * 1000),
  tcpi_rttvar: ({ rttVariance }) => Math.round(rttVariance * 1000),
  tcpi_min_rtt: ({ minRtt }) => Math.round(minRtt * 1000),
  tcpi_rto: ({ rto }) => Math.round(rto * 1000),
  tcpi_snd_mss: ({ mss }) => mss,
  tcpi_unacked: ({ bytesInFlight, mss }) => Math.ceil(bytesInFlight / mss),
  tcpi_notsent_bytes: ({ unsentBytes }) => unsentBytes,
  tcpi_snd_wnd: ({ sendWindow }) => sendWindow,
  tcpi_rcv_wnd: ({ receiveWindow }) => receiveWindow,
  tcpi_bytes_sent: ({ bytesSent }) => bytesSent,
  tcpi_bytes_acked: ({ bytesAcknowledged }) => bytesAcknowledged,
  tcpi_bytes_received: ({ bytesReceived }) => bytesReceived,
  tcpi_segs_out: ({ segmentsSent }) => segmentsSent,
  tcpi_segs_in: ({ segmentsReceived }) => segmentsReceived,
  tcpi_total_retrans: ({ retransmits }) => retransmits,
  tcpi_total_rto: ({ timeouts }) => timeouts,
  tcpi_snd_wscale: ({ windowScale }) => windowScale.send,
  tcpi_rcv_wscale: ({ windowScale }) => windowScale.receive,
  tcpi_sacked: ({ sackedBytes, mss }) => Math.ceil(sackedBytes / mss),
  // Linux counts what it has sent again as lost until it arrives.
  tcpi_lost: ({ lostBytes, resentBytes, mss }) => Math.ceil((lostBytes + resentBytes) / mss),
  tcpi_retrans: ({ resentBytes, mss }) => Math.ceil(resentBytes / mss),
  // What Linux calls "disorder" is a phase without measures for us.
  tcpi_ca_state: ({ recoveryPhase, sackedBytes }) =>
    recoveryPhase === 'open' && sackedBytes > 0
      ? INFO_CONSTANTS.TCP_CA_Disorder!
      : { open: 0, cwr: 2, recovery: 3, loss: 4 }[recoveryPhase],
  tcpi_options: (info) =>
    (info.timestamps ? INFO_CONSTANTS.TCPI_OPT_TIMESTAMPS! : 0) |
    (info.sack ? INFO_CONSTANTS.TCPI_OPT_SACK! : 0) |
    (info.windowScale.send > 0 || info.windowScale.receive > 0 ? INFO_CONSTANTS.TCPI_OPT_WSCALE! : 0),
};

/** The value of a name in a script's code. A Skip for what we do not count. */
export function infoValue(name: string, connection: TcpConnection | undefined): Value {
  const constant = INFO_CONSTANTS[name];
  if (constant !== undefined) return constant;
  const field = FIELDS[name];
  if (!field) throw new Skip(`"${name}" in code`);
  if (!connection) throw new Skip(`"${name}" without a connection`);
  return field(connection.info());
}
