/** What a body failed with. */
export class BodyFailure {
  #noted: { error: unknown } | undefined;

  /** Gives it back. */
  note(error: unknown): Error {
    this.#noted = { error };
    return error as Error;
  }

  /** In place of what a reader of the body says, if the body has failed. */
  readonly rethrow = (said: unknown): never => {
    throw (this.#noted ? this.#noted.error : said) as Error;
  };
}
