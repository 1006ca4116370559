// Runs the operator's program that makes a peer of a public key.
import { spawn } from 'node:child_process';
import { generatePrivateKey } from '../client/keys.ts';
import { parseConfig } from '../core/wireguard/config.ts';
import type { Refusal } from './own-page.ts';

const TIMEOUT = 10_000;
const MAX_OUTPUT = 64 * 1024;
const MAX_AT_ONCE = 4;

let running = 0;

/**
 * What `command` prints: wg-quick's text without a PrivateKey, which only the page has. It finds the key and the user in
 * its environment (TABWIRE_PUBLIC_KEY, TABWIRE_USER) and nothing of theirs in its arguments. Whatever goes wrong in it is
 * for its standard error, which is ours; the page learns only that something did.
 */
export async function configurationFor(
  publicKey: string,
  user: string,
  command: readonly string[],
): Promise<{ config: string } | Refusal> {
  if (running >= MAX_AT_ONCE) return { status: 503, error: 'Too many are enrolling now.' };
  running++;
  try {
    const config = await outputOf(command, { TABWIRE_PUBLIC_KEY: publicKey, TABWIRE_USER: user });
    return config !== undefined && isConfiguration(config)
      ? { config }
      : { status: 502, error: 'The enrolment failed; the operator finds the reason in the log.' };
  } finally {
    running--;
  }
}

function outputOf(
  [program, ...args]: readonly string[],
  env: Record<string, string>,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(program!, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: TIMEOUT,
      killSignal: 'SIGKILL',
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.length > MAX_OUTPUT) child.kill('SIGKILL');
    });
    child.on('error', () => resolve(undefined));
    child.on('close', (code) => resolve(code === 0 ? output : undefined));
  });
}

/** A configuration that lacks nothing but the key that is the page's. */
function isConfiguration(text: string): boolean {
  if (/^\s*PrivateKey\s*=/im.test(text)) return false;
  const [head, ...rest] = text.split(/^\s*\[Interface\]\s*$/im);
  if (rest.length !== 1) return false;
  try {
    parseConfig(`${head}[Interface]\nPrivateKey = ${generatePrivateKey()}\n${rest[0]}`);
    return true;
  } catch {
    return false;
  }
}
