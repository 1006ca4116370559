// What `require` gives: CommonJS over a stand-in, which is an ES module. Bundlers differ in what they make of such a `require`
// on their own, and only one of them could give a function (`events`, `assert`).

const PREFIX = '\0tabwire-require:';

export const FACADE = new RegExp(`^${PREFIX}`);

/** The name of the module that stands between a `require` and this file. */
export function facadeOf(file: string): string {
  return PREFIX + file;
}

/** What is in it. */
export function facadeCode(id: string): string {
  return `module.exports = require(${JSON.stringify(id.slice(PREFIX.length))}).default;`;
}
