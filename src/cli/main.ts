#!/usr/bin/env node
// The `tabwire` command. Each subcommand is a file of its own, loaded when it is chosen; this one only chooses.
export {};

const USAGE = `Usage: tabwire COMMAND [OPTIONS]

  demo      relay, console and an embedded WireGuard peer with demo services, on loopback
  connect   the WireGuard client for other programs: forwards, SOCKS5 and HTTP proxies
  gateway   a WireGuard peer without root that leads into the network of this machine, as far as it is allowed to
  ping      pings a host inside a tunnel
  status    opens a tunnel and prints what \`wg show\` would
  relay     the relay: WebSocket to UDP, for pages that speak WireGuard
  genkey    prints a new private key
  pubkey    reads a private key from standard input and prints its public key
  genpsk    prints a new preshared key

\`tabwire COMMAND --help\` says more.
`;

const commands: Record<string, (args: string[]) => Promise<void>> = {
  demo: async (args) => (await import('./demo.ts')).runDemo(args),
  relay: async (args) => (await import('./relay.ts')).runRelay(args),
  connect: async (args) => (await import('./connect.ts')).runConnect(args),
  gateway: async (args) => (await import('./gateway.ts')).runGateway(args),
  ping: async (args) => (await import('./ping.ts')).runPing(args),
  status: async (args) => (await import('./status.ts')).runStatus(args),
  genkey: async (args) => (await import('./keys.ts')).generateKeys('genkey', args),
  pubkey: async (args) => (await import('./keys.ts')).generateKeys('pubkey', args),
  genpsk: async (args) => (await import('./keys.ts')).generateKeys('genpsk', args),
};

const [name, ...args] = process.argv.slice(2);
const command = name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined;
if (command) {
  await command(args).catch((error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    // parseArgs has more to say; one sentence is enough, and where there is more.
    const [unknown] = /^Unknown option '[^']*'/.exec(message) ?? [];
    const sentence = unknown ? `${unknown}. Try tabwire ${name} --help.` : message.split('\n', 1)[0];
    process.stderr.write(`tabwire ${name}: ${sentence}\n`);
    process.exitCode = (error as { exitCode?: number }).exitCode ?? 1;
  });
} else if (name === '--help' || name === 'help') {
  process.stdout.write(USAGE);
} else {
  process.stderr.write(
    name === undefined ? USAGE : `tabwire: there is no command "${name}". Try tabwire --help.\n`,
  );
  process.exitCode = 2;
}
