/**
 * Fewer waits than ssh2 has between us and a prompt; each is a round trip. What is sent is what it would send, but two things that
 * RFC 4252 §7 and RFC 4254 §4 let one send together leave together.
 */
import { Buffer } from 'buffer';
import type { Client, ClientChannel, ParsedKey } from 'ssh2';
import type { Signer } from './signer.ts';

/** What of ssh2's client is not in its types. */
interface Insides {
  _protocol: Protocol;
  _chanMgr: { add(opened: OnOpened): number };
}

interface Protocol {
  _handlers: { GLOBAL_REQUEST: (protocol: Protocol, name: string, ...rest: unknown[]) => void };
  authPK(username: string, key: ParsedKey, algorithm: string | undefined, sign?: Sign): void;
  session(channel: number, window: number, packetSize: number): void;
  pty(channel: number, rows: number, columns: number, ...rest: unknown[]): void;
  shell(channel: number, wantReply: boolean): void;
}

type Sign = (data: Buffer, signed: (signature: Buffer) => void) => void;
type OnOpened = ((error: Error | undefined, channel: Channel) => void) & { type: string };

interface Channel extends ClientChannel {
  outgoing: { id: number };
  /** One for each request that waits for its answer, in order. */
  _callbacks: ((isRefused: boolean | Error) => void)[];
}

/** As all of ssh2's channels have it. */
const WINDOW = 2 * 1024 * 1024;
const PACKET_SIZE = 32 * 1024;
const TERM = 'xterm-256color';

/** A key of ours signs at once, not only when the server has said that it would take it. */
export function signAtOnce(client: Client, signers: readonly Signer[]): void {
  const { _protocol: protocol } = client as unknown as Insides;
  const ask = protocol.authPK.bind(protocol);
  protocol.authPK = (username, key, algorithm, sign) => {
    const signer = signers.find(({ publicBlob }) => key.getPublicSSH().equals(Buffer.from(publicBlob)));
    if (sign || !signer) return ask(username, key, algorithm, sign);
    ask(username, key, algorithm, (data, signed) => {
      signer.sign(data, hashOf(algorithm)).then(
        (signature) => signed(Buffer.from(signature)),
        // Asked for as ssh2 does it, it says why it cannot, and the next key has its turn.
        () => ask(username, key, algorithm),
      );
    });
  };
}

/** RFC 8332 §3. */
function hashOf(algorithm: string | undefined): string | undefined {
  return { 'rsa-sha2-256': 'sha256', 'rsa-sha2-512': 'sha512' }[algorithm ?? ''];
}

/** OpenSSH offers its other host keys after the login; we pin the one that we saw, and ask for no proof of those. */
export function leaveOtherHostKeys(client: Client): void {
  const { _handlers: handlers } = (client as unknown as Insides)._protocol;
  const heed = handlers.GLOBAL_REQUEST;
  handlers.GLOBAL_REQUEST = (protocol, name, ...rest) => {
    if (name !== 'hostkeys-00@openssh.com') heed(protocol, name, ...rest);
  };
}

/** `client.shell`, with the terminal and the shell asked for in one go. */
export function openShell(
  client: Client,
  { columns, rows }: { columns: number; rows: number },
  done: (error: Error | undefined, channel: ClientChannel) => void,
): void {
  const { _protocol: protocol, _chanMgr: channels } = client as unknown as Insides;
  const opened = (error: Error | undefined, channel: Channel) => {
    if (error) return done(error, channel);
    let refusal: Error | undefined;
    channel._callbacks.push(
      (isRefused) => (refusal = refusalOf(isRefused, 'it gives no terminal')),
      (isRefused) => {
        refusal ??= refusalOf(isRefused, 'it gives no shell');
        if (refusal) channel.close();
        else channel.subtype = 'shell' as never;
        done(refusal, channel);
      },
    );
    const { id } = channel.outgoing;
    protocol.pty(id, rows, columns, 0, 0, TERM, null, true);
    protocol.shell(id, true);
  };
  const number = channels.add(Object.assign(opened, { type: 'session' }));
  protocol.session(number, WINDOW, PACKET_SIZE);
}

function refusalOf(isRefused: boolean | Error, why: string): Error | undefined {
  return isRefused === true ? new Error(why) : isRefused || undefined;
}
