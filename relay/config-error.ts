/** What is wrong with the relay's configuration, as one sentence for the operator. */
export class RelayConfigError extends Error {
  /** Of a command that ends with it. */
  readonly exitCode = 2;

  constructor(message: string) {
    super(message);
    this.name = 'RelayConfigError';
  }
}
