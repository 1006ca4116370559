// A script: options, commands that set it up, events (packetdrill's grammar, as far as the README says).
import { parseExpression, parseExpressions } from './expression-parser.ts';
import { type Token, tokenize } from './lexer.ts';
import { parsePacket } from './packet-parser.ts';
import {
  type Action,
  type EventTime,
  type Script,
  type ScriptCall,
  type ScriptEvent,
  type ScriptOption,
  type ScriptPacket,
  Skip,
} from './script.ts';
import { checkOption } from './settings.ts';
import { TokenStream } from './token-stream.ts';

/** Throws a ScriptFailure where the script is malformed, and a Skip where it is more than we read. */
export function parseScript(source: string): Script {
  const tokens = new TokenStream(tokenize(source), source);
  const options = parseOptions(tokens);
  define(tokens, options);
  let setUp: Script['setUp'];
  if (tokens.next.kind === 'command') {
    const { line, text } = tokens.take();
    setUp = { line, text };
  }
  const events: ScriptEvent[] = [];
  while (tokens.next.kind !== 'end') {
    // The commands that clean up afterwards have nothing to clean here.
    if (tokens.next.kind === 'command' && tokens.peek(1).kind === 'end') break;
    events.push(parseEvent(tokens));
  }
  if (events.length === 0) tokens.fail('an event');
  return { options, setUp, events };
}

function parseOptions(tokens: TokenStream): ScriptOption[] {
  const options: ScriptOption[] = [];
  while (tokens.next.kind === 'option') {
    const { line, text } = tokens.take();
    let value: string | undefined;
    if (tokens.takeIfMark('=')) value = parseOptionValue(tokens);
    // Before the rest is read: such options bring a language of their own.
    checkOption(text.slice(2));
    options.push({ line, name: text.slice(2), value });
  }
  return options;
}

/** `--define=NAME=value` has two. */
function parseOptionValue(tokens: TokenStream): string {
  const { text } = tokens.take();
  if (!tokens.takeIfMark('=')) return text;
  const { kind, text: second } = tokens.take();
  const quote = kind === 'string' ? '"' : kind === 'command' ? '`' : '';
  return `${text}=${quote}${second}${quote}`;
}

/** A word that is defined stands for a string, a command, a number or another word. */
function define(tokens: TokenStream, options: ScriptOption[]): void {
  const definitions = new Map<string, Token>();
  for (const { name, value, line } of options) {
    const match = name === 'define' ? /^(\w+)=([\s\S]*)$/.exec(value ?? '') : null;
    if (!match) continue;
    const [first] = tokenize(match[2]!);
    definitions.set(match[1]!, { ...first!, line });
  }
  if (definitions.size === 0) return;
  tokens.substitute((token) => {
    const meaning = definitions.get(token.text);
    return meaning ? { ...meaning, line: token.line, start: token.start, end: token.end } : token;
  });
}

function parseEvent(tokens: TokenStream): ScriptEvent {
  const first = tokens.next;
  const time = parseTime(tokens);
  const action = parseAction(tokens, time);
  const isOutbound = action.kind === 'outbound';
  if ((time.kind === 'any' || time.end !== undefined) && !isOutbound)
    tokens.fail('a single time for what is not an outbound packet');
  return { line: first.line, text: tokens.textSince(first), time, action };
}

function parseTime(tokens: TokenStream): EventTime {
  if (tokens.takeIfMark('*')) return { kind: 'any', start: 0, end: undefined };
  const kind = tokens.takeIfMark('+') ? 'relative' : 'absolute';
  const start = parseSeconds(tokens);
  let end: number | undefined;
  if (tokens.takeIfMark('~')) {
    if (kind === 'relative') tokens.expectMark('+');
    end = parseSeconds(tokens);
    if (end < start) tokens.fail('a range that does not end before it begins');
  }
  return { kind, start, end };
}

/** Microseconds. */
function parseSeconds(tokens: TokenStream): number {
  const { kind, text } = tokens.next;
  if (kind !== 'integer' && kind !== 'float') tokens.fail('a time');
  const seconds = Number(text);
  if (seconds < 0) tokens.fail('a time that is not negative');
  tokens.take();
  return Math.round(seconds * 1e6);
}

function parseAction(tokens: TokenStream, time: EventTime): Action {
  if (tokens.takeIfMark('<')) return { kind: 'inbound', packet: parsePacket(tokens) };
  if (tokens.takeIfMark('>')) return { kind: 'outbound', packet: withoutFastOpen(parsePacket(tokens)) };
  if (tokens.next.kind === 'command') return { kind: 'command', text: tokens.take().text };
  if (tokens.next.kind === 'code') return { kind: 'code', text: tokens.take().text };
  return { kind: 'call', call: parseCall(tokens, time) };
}

/** `read(4, ..., 1000) = -1 EAGAIN (Resource temporarily unavailable)`. */
function parseCall(tokens: TokenStream, time: EventTime): ScriptCall {
  let end: number | undefined;
  if (tokens.next.kind === 'ellipsis') {
    tokens.take();
    end = parseSeconds(tokens);
    // `+.1...0.2`: both count from the event before.
    if (end < time.start) tokens.fail('a call that does not end before it begins');
  }
  const { text: name } = tokens.expect('word', 'a packet, a call, a command or code');
  tokens.expectMark('(');
  const parameters = parseExpressions(tokens, ')');
  tokens.expectMark('=');
  const result = parseExpression(tokens);
  const error = tokens.next.kind === 'word' ? tokens.take().text : undefined;
  skipNote(tokens);
  return { name, parameters, result, error, end };
}

function skipNote(tokens: TokenStream): void {
  if (!tokens.takeIfMark('(')) return;
  for (let depth = 1; depth > 0; ) {
    if (tokens.next.kind === 'end') tokens.fail('")"');
    const { kind, text } = tokens.take();
    if (kind === 'mark' && text === '(') depth++;
    if (kind === 'mark' && text === ')') depth--;
  }
}

/** Our SYNs carry no cookie, and acknowledge no text that came with a SYN. */
function withoutFastOpen(packet: ScriptPacket): ScriptPacket {
  const { body } = packet;
  if (body.protocol !== 'tcp' || body.options === 'any') return packet;
  const hasCookie = body.options.some(({ kind }) => kind === 'FO' || kind === 'FOEXP');
  const hasText = body.flags.includes('S') && body.length > 0;
  if (hasCookie || hasText) throw new Skip('TCP Fast Open');
  return packet;
}
