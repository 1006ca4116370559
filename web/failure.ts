/** What failed, as far as this page must know without having words for it yet: those are advice.ts, loaded when needed. */
import { type Leg, TunnelError } from '../src/index.ts';

export interface Advice {
  sentence: string;
  /** Things to paste elsewhere, each with what it is for. */
  copy: { label: string; text: string }[];
}

/** No error's code: packets of full size are lost, and all goes on with smaller ones. */
export const BLACK_HOLE = 'BLACK_HOLE';

/** As much of a TunnelError as is needed here; `code` may be of a later version. */
export interface Failure {
  code: string;
  message: string;
  /** Which part of the way failed, where that is known. */
  leg?: Leg | undefined;
  /** Public key of the peer concerned, if one is. */
  peer?: string | undefined;
  /** Whether trying again may help. */
  retryable?: boolean | undefined;
}

/** The failure inside whatever was thrown: itself, or the cause of the DOMException that the sockets prescribe. */
export function failureOf(error: unknown): Failure {
  for (const candidate of [error, error instanceof Error ? error.cause : undefined]) {
    if (candidate instanceof TunnelError) {
      const { code, message, leg, peer, retryable } = candidate;
      return { code, message, leg, peer, retryable };
    }
  }
  return { code: 'ERR_UNKNOWN', message: error instanceof Error ? error.message : String(error) };
}

/** A failure in its own words. */
export function plainAdvice({ message }: Failure): Advice {
  return { sentence: oneSentence(message), copy: [] };
}

export function oneSentence(message: string): string {
  const text = message.trim() || 'Something failed that this page has no words for';
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
