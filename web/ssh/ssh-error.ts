import { clean } from './clean.ts';

/** Why SSH did not work, as a person understands it. */
export class SshError extends Error {
  override name = 'SshError';
  readonly kind: 'login' | 'host-key' | 'cancelled' | 'protocol' | 'lost';

  constructor(kind: SshError['kind'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

interface Ssh2Error extends Error {
  level?: string;
  code?: unknown;
}

/**
 * What ssh2 emitted, in one sentence; what came from the tunnel keeps its cause, which says it better. `keyProblem`: why a
 * key of ours could not sign.
 */
export function sshErrorOf(error: Ssh2Error, where: string, keyProblem?: string): Error {
  if (error instanceof SshError) return error;
  const { level, code } = error;
  const message = clean(error.message);
  if (level === 'client-authentication') return new SshError('login', keyProblem ?? notLetIn(where));
  if (level === 'client-timeout')
    return new SshError('lost', `${where} does not answer any more: check it, then reconnect.`);
  if (level === 'handshake' && /no matching/i.test(message))
    return new SshError(
      'protocol',
      `${where} and this page have no algorithm in common (${message.replace(/^Handshake failed: /, '')}): update its SSH server.`,
    );
  if (/Connection lost before handshake|Timed out while waiting for handshake/i.test(message))
    return new SshError('protocol', `${where} does not speak SSH on that port: check the port.`);
  if (level === 'protocol' || level === 'handshake')
    return new SshError('protocol', `${where} broke the rules of SSH (${message}): try again.`, {
      cause: error,
    });
  // A number: the reason of SSH_MSG_DISCONNECT (RFC 4253 §11.1), with the server's words.
  if (level === undefined && typeof code === 'number')
    return new SshError('lost', `${where} ended the connection (${message || 'it did not say why'}).`);
  return error;
}

function notLetIn(where: string): string {
  return `${where} did not let us in: check the user name, the password or the key.`;
}
