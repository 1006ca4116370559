import type { RfcDocument } from './requirement.ts';
import { INTERNET_LAYER } from './requirements/internet-layer.ts';
import { NAMES } from './requirements/names.ts';
import { RFC_9293 } from './requirements/rfc9293.ts';
import { TCP_EXTENSIONS } from './requirements/tcp-extensions.ts';

/** In the table's order. */
export const DOCUMENTS: readonly RfcDocument[] = [...INTERNET_LAYER, RFC_9293, ...TCP_EXTENSIONS, ...NAMES];
