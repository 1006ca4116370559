// Node's `string_decoder`: the package of that name.
import { StringDecoder } from 'string_decoder';

export * as default from './string-decoder.ts';
export { StringDecoder };
