import { createInterface } from 'node:readline';

/** In a HelperProcess: answers what it is asked, until its standard input ends. */
export function answer(procedures: Readonly<Record<string, (argument: never) => unknown>>): void {
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      const { id, name, argument } = JSON.parse(line) as { id: number; name: string; argument: never };
      void Promise.resolve()
        .then(() => procedures[name]!(argument))
        .then((result) => ({ id, result: result ?? null }))
        .catch((error: Error) => ({ id, error: error.message }))
        .then((word) => process.stdout.write(`${JSON.stringify(word)}\n`));
    })
    .on('close', () => process.exit(0));
}
