#!/usr/bin/env node
import { runDemo } from './demo.ts';
// The `tabwire` command. Each subcommand is a file of its own; this one only chooses.
import { generateKeys } from './keys.ts';
import { runRelay } from './relay.ts';

const USAGE = `Usage: tabwire COMMAND [OPTIONS]

  demo      relay, console and an embedded WireGuard peer with demo services, on loopback
  relay     the relay: WebSocket to UDP, for pages that speak WireGuard
  genkey    prints a new private key
  pubkey    reads a private key from standard input and prints its public key
  genpsk    prints a new preshared key

\`tabwire COMMAND --help\` says more.
`;

const commands: Record<string, (args: string[]) => Promise<void>> = {
  demo: runDemo,
  relay: runRelay,
  genkey: (args) => generateKeys('genkey', args),
  pubkey: (args) => generateKeys('pubkey', args),
  genpsk: (args) => generateKeys('genpsk', args),
};

const [name, ...args] = process.argv.slice(2);
const command = name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined;
if (command) {
  await command(args).catch((error: unknown) => {
    process.stderr.write(`tabwire ${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
} else if (name === '--help' || name === 'help') {
  process.stdout.write(USAGE);
} else {
  process.stderr.write(
    name === undefined ? USAGE : `tabwire: there is no command "${name}". Try tabwire --help.\n`,
  );
  process.exitCode = 2;
}
