import { SshError } from './ssh-error.ts';

export interface Jump {
  username: string;
  host: string;
  port: number;
}

/** `[user@]host[:port]` as OpenSSH's ProxyJump has it; undefined for nothing. Throws SshError on what is no such thing. */
export function parseJump(text: string, username: string): Jump | undefined {
  if (text.trim() === '') return undefined;
  const match = /^(?:([^@\s]+)@)?(?:\[([^\]\s]+)\]|([^:@\s,]+))(?::(\d{1,5}))?$/.exec(text.trim());
  const port = Number(match?.[4] ?? 22);
  if (!match || port < 1 || port > 65535)
    throw new SshError('protocol', 'The jump host must look like user@host or user@host:port.');
  return { username: match[1] ?? username, host: match[2] ?? match[3]!, port };
}
