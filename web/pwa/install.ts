// A chunk of its own: what makes the page one that loads without a network, begun once it has been of use.

const OFTEN = 10 * 60_000;

export interface Hooks {
  /** Another version of the page waits for the person's word. */
  onUpdate: () => void;
  /** The page is looked at again after a while. */
  onReturn: () => void;
}

export async function startServiceWorker({ onUpdate, onReturn }: Hooks): Promise<void> {
  let lookedAt = Date.now();
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState !== 'visible' || Date.now() - lookedAt < OFTEN) return;
    lookedAt = Date.now();
    onReturn();
    void navigator.serviceWorker?.getRegistration().then((registration) => registration?.update());
  });
  // Over plain http there is none.
  if (!('serviceWorker' in navigator)) return;
  const registration = await navigator.serviceWorker
    .register(new URL('sw.js', document.baseURI))
    .catch(() => undefined);
  if (!registration) return;
  const watch = () => {
    const { installing } = registration;
    installing?.addEventListener('statechange', () => {
      // The first one replaces nothing.
      if (installing.state === 'installed' && navigator.serviceWorker.controller) onUpdate();
    });
  };
  registration.addEventListener('updatefound', watch);
  watch();
  if (registration.waiting && navigator.serviceWorker.controller) onUpdate();
}

/** The kill switch: no worker, nothing kept. */
export async function endServiceWorker(): Promise<void> {
  if (!('serviceWorker' in navigator)) return;
  for (const registration of await navigator.serviceWorker.getRegistrations()) {
    if (registration.scope !== new URL('./', document.baseURI).href) continue;
    registration.active?.postMessage('end');
    await registration.unregister();
  }
  await caches.delete('tabwire');
}

export async function reloadUpdated(): Promise<void> {
  const registration = await navigator.serviceWorker?.getRegistration();
  const { waiting } = registration ?? {};
  if (!waiting) return location.reload();
  navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true });
  waiting.postMessage('take over');
}
