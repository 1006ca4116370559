/** The ends of a segment and what it says: `[SYN, ACK] seq 1 ack 2 win 64240, 100 bytes`. */

const FLAGS = [
  [0x02, 'SYN'],
  [0x01, 'FIN'],
  [0x04, 'RST'],
  [0x08, 'PSH'],
  [0x10, 'ACK'],
  [0x20, 'URG'],
  [0x40, 'ECE'],
  [0x80, 'CWR'],
] as const;
const TCP = 6;
const UDP = 17;

/** `payload`: bytes of header and data together. */
export function tcpText(view: DataView, at: number, payload: number): string {
  if (view.byteLength < at + 20) return 'cut short';
  const bits = view.getUint8(at + 13);
  const flags = FLAGS.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name);
  const data = payload - (view.getUint8(at + 12) >> 4) * 4;
  const parts = [`[${flags.join(', ')}]`, `seq ${view.getUint32(at + 4)}`];
  if (bits & 0x10) parts.push(`ack ${view.getUint32(at + 8)}`);
  parts.push(`win ${view.getUint16(at + 14)}`);
  return `${parts.join(' ')}${data > 0 ? `, ${data} bytes` : ''}`;
}

export function portsText(
  protocol: number,
  isLater: boolean,
  view: DataView,
  at: number,
): [source?: number, destination?: number] {
  if ((protocol !== TCP && protocol !== UDP) || isLater || view.byteLength < at + 4) return [];
  return [view.getUint16(at), view.getUint16(at + 2)];
}
