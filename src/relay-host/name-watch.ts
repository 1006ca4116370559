import type { ResolveName } from '../../relay/policy.ts';
import type { Rule } from '../../relay/rule.ts';

/** Notices when a relay that knows its destinations by name only cannot resolve a single one. */
export class NameWatch {
  readonly #resolve: ResolveName;
  readonly #failing = new Set<string>();

  constructor(resolve: ResolveName) {
    this.#resolve = resolve;
  }

  readonly resolve: ResolveName = async (name) => {
    try {
      const addresses = await this.#resolve(name);
      this.#failing.delete(name);
      return addresses;
    } catch (error) {
      this.#failing.add(name);
      throw error;
    }
  };

  isLost(rules: readonly Rule[]): boolean {
    return rules.every(({ name }) => name !== undefined && this.#failing.has(name));
  }

  /** Called once a second: clients who are sent elsewhere do not ask any more. The resolver keeps failures for a while. */
  tick(rules: readonly Rule[]): void {
    if (!this.isLost(rules)) return;
    for (const { name } of rules) if (name !== undefined) this.resolve(name).catch(() => {});
  }
}
