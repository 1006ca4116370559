/** Things with an id that this browser keeps, in an IndexedDB of their own. */
import { createStore, del, set, values } from 'idb-keyval';

export class BrowserShelf<Item extends { id: string }> {
  readonly #database: string;
  readonly #name: string;
  #store: ReturnType<typeof createStore> | undefined;

  constructor(database: string, name: string) {
    this.#database = database;
    this.#name = name;
  }

  /** Also what a later or an earlier version left there. */
  async list(): Promise<unknown[]> {
    return values<unknown>(this.#open());
  }

  /** Rejects where the browser cannot keep it. */
  async put(item: Item): Promise<void> {
    await set(item.id, item, this.#open());
  }

  async delete(id: string): Promise<void> {
    await del(id, this.#open());
  }

  /** Opened when first needed: some browsers forbid it in private windows, and say so by throwing. */
  #open(): ReturnType<typeof createStore> {
    this.#store ??= createStore(this.#database, this.#name);
    return this.#store;
  }
}
