import type { Command } from '../host.ts';
import { obey, type Procedure } from '../procedures.ts';

/** Asks for commands and does them, one after the other, for as long as the server is there. */
export async function listen(procedures: Record<string, Procedure>): Promise<never> {
  const all = { hello: () => 'hello', ...procedures };
  for (;;) {
    const command = (await (await fetch('/next')).json()) as Command;
    const outcome = await obey(all, command);
    await fetch('/outcome', { method: 'POST', body: JSON.stringify(outcome) });
  }
}
