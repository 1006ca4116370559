// What a tunnel sends and receives outside, in a file for Wireshark, and the keys with which Wireshark looks inside: only for
// who asks for it when a tunnel is opened.
import { closeSync, fchmodSync, fstatSync, openSync, writeSync } from 'node:fs';
import { IpAddress } from '../core/address.ts';
import { toBase64 } from '../core/bytes.ts';
import { type Endpoint, printEndpoint } from '../core/endpoint.ts';
import type { HandshakeSecrets } from '../core/environment.ts';
import { TunnelError } from '../core/errors.ts';
import type { PacketBuffer } from '../core/packet-buffer.ts';
import type { DatagramTransport } from '../core/transport.ts';
import { addressSum } from '../core/wire/checksum.ts';
import { IPV4_DONT_FRAGMENT, IPV4_HEADER_LENGTH, writeIpv4 } from '../core/wire/ipv4.ts';
import { IPV6_HEADER_LENGTH, writeIpv6 } from '../core/wire/ipv6.ts';
import { writePcapngHeader, writePcapngPacket } from '../core/wire/pcapng.ts';
import { PROTOCOL_UDP } from '../core/wire/protocols.ts';
import { UDP_HEADER_LENGTH, writeUdp } from '../core/wire/udp.ts';
import { WatchedTransport } from './watched-transport.ts';

/** What is recorded outside the tunnel. */
export interface OuterCaptureOptions {
  /** Path of a pcapng file of the outer datagrams, as they leave and come; emptied if it is there, for its owner only to read. */
  file: string;
  /**
   * Path of a file of keys, in the format of Wireshark's `wg.keylog_file`; emptied if it is there, for its owner only. Whoever has both
   * files reads all that passed, and has the private key. Absent: no key is written anywhere.
   */
  keyLog?: string;
}

const INTERFACE_NAME = 'tabwire outside';
const NO_SNAPLEN = 262_144;
/** Where our own port is not known: WireGuard's. */
const ASSUMED_PORT = 51_820;
const TTL = 64;
const OWNER_ONLY = 0o600;
/** What is written at a time, in bytes, and how long less than that waits, in milliseconds. */
const CHUNK = 65_536;
const PATIENCE = 500;

export class OuterCapture {
  readonly #file: KeptFile;
  readonly #keys: KeptFile | undefined;

  /** Throws ERR_CONFIG for a file that cannot be written. */
  constructor({ file, keyLog }: OuterCaptureOptions) {
    this.#file = new KeptFile(file);
    this.#file.add(writePcapngHeader(INTERFACE_NAME, NO_SNAPLEN));
    this.#keys = keyLog === undefined ? undefined : new KeptFile(keyLog);
  }

  /** The same transport, with what passes it kept. */
  watch(transport: DatagramTransport): DatagramTransport {
    return new WatchedTransport(transport, {
      sent: (datagram, to) => this.#take(datagram, to, transport.localPort, true),
      received: (datagram, from) => this.#take(datagram, from, transport.localPort, false),
    });
  }

  /** Throws ERR_UNSUPPORTED for a key that cannot be written down. */
  ownKey(privateKey: Uint8Array | CryptoKey): void {
    if (!this.#keys) return;
    if (!(privateKey instanceof Uint8Array))
      throw new TunnelError(
        'ERR_UNSUPPORTED',
        'A key log needs the private key as text: a CryptoKey keeps it to itself.',
      );
    this.#line('LOCAL_STATIC_PRIVATE_KEY', privateKey);
    this.#keys.flush();
  }

  /** In the order in which Wireshark joins them: the preshared key belongs to the ephemeral one before it. */
  handshake({ peerPublicKey, ephemeralPrivateKey, presharedKey }: HandshakeSecrets): void {
    this.#line('REMOTE_STATIC_PUBLIC_KEY', peerPublicKey);
    this.#line('LOCAL_EPHEMERAL_PRIVATE_KEY', ephemeralPrivateKey);
    this.#line('PRESHARED_KEY', presharedKey);
    this.#keys?.flush();
  }

  /** What was kept is written when this returns. */
  close(): void {
    this.#file.close();
    this.#keys?.close();
  }

  #line(name: string, key: Uint8Array): void {
    this.#keys?.add(Buffer.from(`${name} = ${toBase64(key)}\n`));
  }

  #take(datagram: PacketBuffer, endpoint: Endpoint, localPort = ASSUMED_PORT, isOutbound: boolean): void {
    const remote = IpAddress.parse(endpoint.host);
    const data = packetAround(datagram, remote, endpoint.port, localPort, isOutbound);
    // Behind a relay a name may be all that is known of the endpoint.
    const comment = remote ? undefined : printEndpoint(endpoint);
    const record = { at: Date.now(), isOutbound, data, originalLength: data.length, comment, lost: 0 };
    this.#file.add(writePcapngPacket(record));
  }
}

/** With the headers of IP and UDP that it has outside, as far as we know them: which address is ours the system chooses. */
function packetAround(
  datagram: PacketBuffer,
  remote: IpAddress = new IpAddress(new Uint8Array(4)),
  remotePort: number,
  localPort: number,
  isOutbound: boolean,
): Uint8Array {
  const { version } = remote;
  const local = new IpAddress(new Uint8Array(version === 4 ? 4 : 16));
  const [source, destination] = isOutbound ? [local, remote] : [remote, local];
  const [from, to] = isOutbound ? [localPort, remotePort] : [remotePort, localPort];
  const header = version === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH;
  const length = UDP_HEADER_LENGTH + datagram.length;
  const packet = new Uint8Array(header + length);
  const view = new DataView(packet.buffer);
  packet.set(datagram.memory.subarray(datagram.start, datagram.end), header + UDP_HEADER_LENGTH);
  writeUdp(view, header, from, to, length, addressSum(source, destination));
  if (version === 4)
    writeIpv4(view, 0, packet.length, 0, IPV4_DONT_FRAGMENT, TTL, PROTOCOL_UDP, 0, source, destination);
  else writeIpv6(view, 0, length, PROTOCOL_UDP, TTL, 0, source, destination);
  return packet;
}

/** A file that only its owner may read. What cannot be written ends it, with a warning; the tunnel goes on. */
class KeptFile {
  readonly #path: string;
  #descriptor: number | undefined;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(path: string) {
    this.#path = path;
    try {
      this.#descriptor = openSync(path, 'w', OWNER_ONLY);
      // One that was there before keeps its permissions. What is no file, a pipe for one, is somebody else's to guard.
      if (fstatSync(this.#descriptor).isFile()) fchmodSync(this.#descriptor, OWNER_ONLY);
    } catch (error) {
      throw new TunnelError('ERR_CONFIG', `Cannot write ${path} (${codeOf(error)}).`, { cause: error });
    }
  }

  /** Takes the bytes over. */
  add(bytes: Uint8Array): void {
    if (this.#descriptor === undefined) return;
    this.#parts.push(bytes);
    this.#bytes += bytes.length;
    if (this.#bytes >= CHUNK) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), PATIENCE).unref();
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const bytes = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    if (this.#descriptor === undefined) return;
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#descriptor, bytes, at);
    } catch (error) {
      process.emitWarning(`${this.#path} ends here: it cannot be written (${codeOf(error)}).`);
      this.close();
    }
  }

  close(): void {
    const descriptor = this.#descriptor;
    if (descriptor === undefined) return;
    if (this.#bytes > 0) this.flush();
    this.#descriptor = undefined;
    clearTimeout(this.#timer);
    closeSync(descriptor);
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
