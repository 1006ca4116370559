// Node's `util/types`.

const tagOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);
const isTagged =
  (...tags: string[]) =>
  (value: unknown): boolean =>
    typeof value === 'object' && value !== null && tags.includes(tagOf(value));
const isViewTagged =
  (tag: string) =>
  (value: unknown): boolean =>
    ArrayBuffer.isView(value) && viewTag(value) === tag;

/** Of a Buffer too, which calls itself a Uint8Array. */
function viewTag(value: ArrayBufferView): string | undefined {
  const prototype = Object.getPrototypeOf(Uint8Array.prototype) as object;
  return Object.getOwnPropertyDescriptor(prototype, Symbol.toStringTag)!.get!.call(value) as
    | string
    | undefined;
}

export const isDate = isTagged('Date');
export const isRegExp = isTagged('RegExp');
export const isMap = isTagged('Map');
export const isSet = isTagged('Set');
export const isWeakMap = isTagged('WeakMap');
export const isWeakSet = isTagged('WeakSet');
export const isPromise = isTagged('Promise');
export const isGeneratorObject = isTagged('Generator', 'AsyncGenerator');
export const isArgumentsObject = isTagged('Arguments');
export const isArrayBuffer = isTagged('ArrayBuffer');
export const isSharedArrayBuffer = isTagged('SharedArrayBuffer');
export const isAnyArrayBuffer = isTagged('ArrayBuffer', 'SharedArrayBuffer');
export const isNumberObject = isTagged('Number');
export const isStringObject = isTagged('String');
export const isBooleanObject = isTagged('Boolean');
export const isBigIntObject = isTagged('BigInt');
export const isSymbolObject = isTagged('Symbol');
export const isBoxedPrimitive = isTagged('Number', 'String', 'Boolean', 'BigInt', 'Symbol');
export const isMapIterator = isTagged('Map Iterator');
export const isSetIterator = isTagged('Set Iterator');
export const isModuleNamespaceObject = isTagged('Module');
export const isCryptoKey = isTagged('CryptoKey');

export const isArrayBufferView = (value: unknown): boolean => ArrayBuffer.isView(value);
export const isDataView = isTagged('DataView');
export const isTypedArray = (value: unknown): boolean => ArrayBuffer.isView(value) && !isDataView(value);
export const isUint8Array = isViewTagged('Uint8Array');
export const isUint8ClampedArray = isViewTagged('Uint8ClampedArray');
export const isUint16Array = isViewTagged('Uint16Array');
export const isUint32Array = isViewTagged('Uint32Array');
export const isInt8Array = isViewTagged('Int8Array');
export const isInt16Array = isViewTagged('Int16Array');
export const isInt32Array = isViewTagged('Int32Array');
export const isFloat32Array = isViewTagged('Float32Array');
export const isFloat64Array = isViewTagged('Float64Array');
export const isBigInt64Array = isViewTagged('BigInt64Array');
export const isBigUint64Array = isViewTagged('BigUint64Array');

export const isAsyncFunction = (value: unknown): boolean =>
  typeof value === 'function' && ['AsyncFunction', 'AsyncGeneratorFunction'].includes(tagOf(value));
export const isGeneratorFunction = (value: unknown): boolean =>
  typeof value === 'function' && ['GeneratorFunction', 'AsyncGeneratorFunction'].includes(tagOf(value));
export const isNativeError = (value: unknown): boolean => value instanceof Error;
/** Nothing in the language tells one. */
export const isProxy = (): boolean => false;
export const isExternal = (): boolean => false;

export * as default from './util-types.ts';
