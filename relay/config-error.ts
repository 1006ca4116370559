/** What is wrong with the relay's configuration, as one sentence for the operator. */
export class RelayConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'RelayConfigError';
  }
}
