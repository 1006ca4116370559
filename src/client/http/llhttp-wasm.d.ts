/** llhttp's WASM in base64. `npm run build:wasm` writes the module beside this. */
export const wasm: string;
