// Stands in for ssh2's native addon (sshcrypto.node). What it does not have, ssh2 does with `crypto`.
export { ChaChaPolyCipher, ChaChaPolyDecipher } from './chacha.ts';
