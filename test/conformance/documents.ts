import type { RfcDocument } from './requirement.ts';
import { NAMES } from './requirements/names.ts';
import { RFC_9293 } from './requirements/rfc9293.ts';

/** In the table's order. */
export const DOCUMENTS: readonly RfcDocument[] = [RFC_9293, ...NAMES];
