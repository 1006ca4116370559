import type { Command } from '../host.ts';
import { obey, type Procedure } from '../procedures.ts';

/**
 * Asks for commands and does them, also several at once, for as long as the server is there. After `reload` it asks no more:
 * what comes is for the next page.
 */
export async function listen(procedures: Record<string, Procedure>): Promise<void> {
  const all = { hello: () => 'hello', ...procedures };
  for (;;) {
    const response = await fetch('/next');
    // Nothing yet.
    if (response.status === 204) continue;
    const command = (await response.json()) as Command;
    if (command.procedure === 'reload') {
      location.reload();
      return;
    }
    void obey(all, command).then((outcome) => tell(JSON.stringify(outcome)));
  }
}

/** Tries again: a connection that both kept may have died while the page was busy. */
async function tell(body: string): Promise<void> {
  for (let left = 3; ; left--)
    try {
      await fetch('/outcome', { method: 'POST', body });
      return;
    } catch (error) {
      if (left === 0) throw error;
    }
}
