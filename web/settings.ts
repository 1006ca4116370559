/** What the site that serves this page says about itself (`tabwire.json` beside the page), and what a person chose. */

export interface SiteSettings {
  relay: string[];
  demo: { enrol: string } | undefined;
  /** Where a person logs in; where the page then gets tokens for the relay, and a configuration for its key. */
  login: string | undefined;
  token: string | undefined;
  enrol: string | undefined;
  policy: SitePolicy;
  /** False: no service worker, and those that are there end. */
  serviceWorker: boolean;
  /** Older pages than this must not be used. */
  minimumVersion: string | undefined;
}

/** What the site lets people do. */
export interface SitePolicy {
  saveKeys: boolean;
  otherRelays: boolean;
}

/** Reads the file's JSON; anything unknown or misshapen counts as absent. */
export function readSettings(value: unknown): SiteSettings {
  const fields = isRecord(value) ? value : {};
  const demo = isRecord(fields.demo) && typeof fields.demo.enrol === 'string' ? fields.demo.enrol : undefined;
  return {
    relay: readStrings(fields.relay),
    demo: demo === undefined ? undefined : { enrol: demo },
    login: readPlace(fields.login),
    token: readPlace(fields.token),
    enrol: readPlace(fields.enrol),
    policy: readPolicy(fields.policy),
    serviceWorker: fields.serviceWorker !== false,
    minimumVersion: typeof fields.minimumVersion === 'string' ? fields.minimumVersion : undefined,
  };
}

/** What nobody forbids is allowed. */
function readPolicy(value: unknown): SitePolicy {
  const policy = isRecord(value) ? value : {};
  return { saveKeys: policy.saveKeys !== false, otherRelays: policy.otherRelays !== false };
}

/** A link that a person follows, or a place that the page asks: by HTTP only, never `javascript:`. */
function readPlace(value: unknown): string | undefined {
  return typeof value === 'string' && /^(\/(?!\/)|https?:\/\/)/i.test(value) ? value : undefined;
}

/** A site without the file is a site without settings. */
export async function loadSettings(): Promise<SiteSettings> {
  try {
    const response = await fetch(new URL('tabwire.json', document.baseURI), { cache: 'no-store' });
    return readSettings(response.ok ? await response.json() : undefined);
  } catch {
    return readSettings(undefined);
  }
}

export function readStrings(value: unknown): string[] {
  const list = Array.isArray(value) ? value : [value];
  return list.filter((item): item is string => typeof item === 'string' && item !== '');
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** A choice kept in this browser. Storage may be forbidden; then it lasts as long as the page. Never for keys. */
export class Preference {
  readonly #name: string;

  constructor(name: 'relay' | 'theme' | 'webgl') {
    this.#name = `tabwire.${name}`;
  }

  read(): string | undefined {
    try {
      return localStorage.getItem(this.#name) ?? undefined;
    } catch {
      return undefined;
    }
  }

  write(value: string | undefined): void {
    try {
      if (value === undefined) localStorage.removeItem(this.#name);
      else localStorage.setItem(this.#name, value);
    } catch {
      // Nothing is lost but the memory of it.
    }
  }
}
