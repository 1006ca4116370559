import { describe, expect, it } from 'vitest';
import { LINES_KEPT, LogBook } from '../../web/log/log-book.ts';
import { chooseLines, exportText, fieldsText, withoutCredentials } from '../../web/log/log-text.ts';

function book(): LogBook {
  const log = new LogBook();
  log.write('debug', 'peer(oBjH…BV4=) - Sending handshake initiation', { peer: 'oBjH' });
  log.write('info', 'peer(oBjH…BV4=) - Received handshake response');
  log.write('warn', 'No answer.', { code: 'ERR_HANDSHAKE_TIMEOUT' });
  log.write('error', 'The worker died.');
  return log;
}

describe('the log', () => {
  it('shows what matters at least so much, and has all the words', () => {
    const { lines } = book();
    expect(chooseLines(lines, 'debug', '')).toHaveLength(4);
    expect(chooseLines(lines, 'warn', '').map(({ level }) => level)).toEqual(['warn', 'error']);
    expect(chooseLines(lines, 'debug', 'HANDSHAKE response').map(({ level }) => level)).toEqual(['info']);
    expect(chooseLines(lines, 'debug', 'err_handshake_timeout')).toHaveLength(1);
  });

  it('is exported a line each, also where the other side put line feeds into its words', () => {
    const log = new LogBook();
    log.write('warn', 'refused:\nERROR forged', { reason: 'a "b"', nothing: undefined, count: 3 });
    const [line] = log.lines;
    expect(exportText(log.lines)).toBe(
      `${new Date(line!.at).toISOString()} WARN  refused: ERROR forged reason="a \\"b\\"" count=3\n`,
    );
  });

  it('is bounded, and the oldest lines make room', () => {
    const log = new LogBook();
    for (let i = 0; i < LINES_KEPT + 5; i++) log.write('debug', String(i));
    expect(log.lines).toHaveLength(LINES_KEPT);
    expect(log.lines[0]).toMatchObject({ number: 5, message: '5' });
    expect(log.written.value).toBe(LINES_KEPT + 5);
  });

  it('does not tell what a URL may hold of a token', () => {
    expect(withoutCredentials('to wss://me:secret@relay.example:1/v1?token=abc#x and on')).toBe(
      'to wss://relay.example:1/v1 and on',
    );
    expect(fieldsText({ via: 'wss://relay.example/v1?token=abc' })).toBe('via=wss://relay.example/v1');
    const log = new LogBook();
    log.write('info', 'via wss://relay.example/v1?token=abc', { relays: 'wss://u:p@a/ wss://b/?k=1' });
    expect(exportText(log.lines)).not.toMatch(/token|abc|u:p|k=1/);
  });
});
