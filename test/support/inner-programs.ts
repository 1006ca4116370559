// Programs that run in a namespace, beside or behind a peer.
import { join } from 'node:path';
import type { Child } from './child-process.ts';
import type { Namespace } from './namespace.ts';

/** inner-services.ts, ready: echo, sink and source. */
export async function startServices(namespace: Namespace): Promise<Child> {
  const services = namespace.start(process.execPath, program('inner-services.ts'));
  await services.saw(/^ready$/m);
  return services;
}

/** Runs inner-client.ts: sends so many bytes of a pattern to an echo, and gives back what it prints. */
export async function runClient(
  namespace: Namespace,
  host: string,
  port: number,
  bytes: number,
): Promise<string> {
  return namespace.exec(process.execPath, ...program('inner-client.ts'), host, String(port), String(bytes));
}

/** inner-lines.ts, ready: ten numbered lines a second to whoever connects. */
export async function startLines(namespace: Namespace, port: number): Promise<void> {
  const lines = namespace.start(process.execPath, [...program('inner-lines.ts'), String(port)]);
  await lines.saw(/^ready$/m);
}

function program(script: string): string[] {
  return ['--import', 'tsx', join(import.meta.dirname, script)];
}
