import type { LogLevel } from '../bridge/api.ts';
import { toBase64 } from '../core/bytes.ts';
import type { Millis } from '../core/time.ts';
import type { DeviceEvent } from '../core/wireguard/device.ts';

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
}

/** What a device tells, in wireguard-go's words where it has some: so both ends' logs can be laid side by side. */
export function logLinesOf(event: DeviceEvent): LogLine[] {
  const say = (level: LogLevel, text: string): LogLine => ({
    level,
    message: 'publicKey' in event ? `${shortName(event.publicKey)} - ${text}` : text,
  });
  switch (event.type) {
    case 'handshake-attempt': {
      const sending = say('debug', 'Sending handshake initiation');
      if (!event.isRetry) return [sending];
      const retrying = `Handshake did not complete after 5 seconds, retrying (try ${event.attempt})`;
      return [say('debug', retrying), sending];
    }
    case 'handshake':
      return [
        say('info', event.isInitiator ? 'Received handshake response' : 'Received handshake initiation'),
      ];
    case 'gave-up':
      return [say('warn', 'Handshake did not complete after 20 attempts, giving up')];
    case 'stopped-hearing':
      return [say('debug', 'Retrying handshake because we stopped hearing back after 15 seconds')];
    case 'keys-zeroed':
      return [say('debug', "Removing all keys, since we haven't received a new one in 540 seconds")];
    case 'roamed':
      return [say('debug', 'The endpoint has changed')];
    case 'psk-mismatch':
      // An error of its own.
      return [];
    case 'clock-suspect':
      return [say('warn', clockSuspect(event.wall))];
    default:
      return event satisfies never;
  }
}

/** As wireguard-go names a peer: the first and the last four characters of its key. */
function shortName(publicKey: Uint8Array): string {
  const base64 = toBase64(publicKey);
  return `peer(${base64.slice(0, 4)}…${base64.slice(39, 43)})`;
}

function clockSuspect(wall: Millis): string {
  const date = new Date(wall);
  const says = Number.isNaN(date.getTime()) ? 'something that is no date' : date.toISOString().slice(0, 10);
  return `The clock of this device cannot be right: it says ${says}. Handshakes go on with timestamps that do not follow it; if they stay without an answer, set the clock.`;
}
