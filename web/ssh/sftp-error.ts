/** Why something did not work with a file, in one sentence. */
import { clean } from './clean.ts';
import { shownName } from './remote-name.ts';
import { SshError } from './ssh-error.ts';

/** SSH_FX codes (draft-ietf-secsh-filexfer-02 §7). */
export const STATUS = { end: 1, noSuchFile: 2, failure: 4 };

const REASONS: Record<number, string> = {
  [STATUS.noSuchFile]: 'there is no such file',
  3: 'the server does not permit it',
  8: 'the server cannot do that',
};
/** SSH_FX_NO_CONNECTION and SSH_FX_CONNECTION_LOST. */
const LOST = [6, 7];

export class FileError extends SshError {
  /** An SSH_FX code, if the server has said one. */
  readonly code: number | undefined;

  constructor(path: string, reason: string, options?: ErrorOptions & { code?: number }) {
    super('protocol', `${shownName(path)}: ${reason}.`, options);
    this.code = options?.code;
  }
}

/** Something of that name is there; nothing was changed. */
export class FileExists extends FileError {
  constructor(path: string, options?: ErrorOptions) {
    super(path, 'there is something of that name already', options);
  }
}

export function connectionLost(cause?: unknown): SshError {
  return new SshError('lost', 'The connection was lost: reconnect, then try again.', { cause });
}

/** What ssh2 said. */
export function fileErrorOf(error: Error & { code?: unknown }, path: string): SshError {
  const code = Number(error.code ?? Number.NaN);
  // ssh2 has no code for requests that nobody answers any more.
  if (LOST.includes(code) || /^No response from server/.test(error.message)) return connectionLost(error);
  return new FileError(path, reasonOf(code, error.message, path), { cause: error, code });
}

function reasonOf(code: number, message: string, path: string): string {
  if (code === STATUS.noSuchFile && path.includes('\ufffd'))
    return 'its name is not UTF-8, so this page cannot name it to the server';
  if (code === STATUS.failure && VAGUE.test(message)) return 'the server could not do it';
  return REASONS[code] ?? clean(message);
}

/** What OpenSSH says of most failures. */
const VAGUE = /^failure$/i;

/** The server has not said why. */
export function isVague(error: unknown): boolean {
  return error instanceof FileError && VAGUE.test((error.cause as Error | undefined)?.message ?? '');
}

export function hasCode(error: unknown, code: number): boolean {
  return error instanceof FileError && error.code === code;
}
