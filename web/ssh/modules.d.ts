declare module '*.css';
// The parts of ssh2 that are loaded one by one: the whole would bring its server along.
declare module 'ssh2/lib/client.js' {
  import { Client } from 'ssh2';

  export = Client;
}
declare module 'ssh2/lib/agent.js' {
  import { BaseAgent } from 'ssh2';

  const agents: { BaseAgent: typeof BaseAgent };
  export = agents;
}
declare module 'ssh2/lib/protocol/keyParser.js' {
  import type { ParsedKey } from 'ssh2';

  const parser: { parseKey(data: Buffer | string, passphrase?: string): ParsedKey | ParsedKey[] | Error };
  export = parser;
}
