// A chunk of its own: loaded with the first download, not with the page.
export { sha256 } from '@noble/hashes/sha2.js';
