/**
 * Where the browser enforces Trusted Types, code comes from this site's own files and from nowhere else, and no text
 * becomes markup: this is the one policy that the page's rules allow, and it makes script URLs only.
 */

interface Factory {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): unknown;
}

const { trustedTypes } = globalThis as { trustedTypes?: Factory };

trustedTypes?.createPolicy('default', {
  createScriptURL(url) {
    if (new URL(url, document.baseURI).origin !== location.origin)
      throw new TypeError('Code comes from this site only.');
    return url;
  },
});
