/** IndexedDB for what SSH keeps: host keys, and keys of ours that nobody can read. */
import { createStore, del, set, values } from 'idb-keyval';

export class BrowserShelf<Item extends { id: string }> {
  readonly #name: string;
  #store: ReturnType<typeof createStore> | undefined;

  constructor(name: 'known-hosts' | 'keys') {
    this.#name = name;
  }

  async list(): Promise<unknown[]> {
    return values<unknown>(this.#open());
  }

  async put(item: Item): Promise<void> {
    await set(item.id, item, this.#open());
  }

  async delete(id: string): Promise<void> {
    await del(id, this.#open());
  }

  /** Opened when first needed: some browsers forbid it in private windows, and say so by throwing. */
  #open(): ReturnType<typeof createStore> {
    this.#store ??= createStore(`tabwire-ssh-${this.#name}`, 'items');
    return this.#store;
  }
}
