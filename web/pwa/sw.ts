// The service worker: the console loads without a network. It keeps the page and the files whose names say their content,
// and touches nothing else.
import { routeOf } from './routes.ts';

/** Put in by vite.config.ts: every file of this build under assets/. */
declare const __ASSETS__: readonly string[];

const CACHE = 'tabwire';
const PAGE = './';

interface Worker extends EventTarget {
  readonly registration: ServiceWorkerRegistration;
  skipWaiting(): Promise<void>;
  readonly clients: { claim(): Promise<void> };
}
interface LifeEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface RequestEvent extends Event {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}

const worker = self as unknown as Worker;

worker.addEventListener('install', (event) => (event as LifeEvent).waitUntil(fill()));
worker.addEventListener('activate', (event) => (event as LifeEvent).waitUntil(begin()));
worker.addEventListener('fetch', (event) => {
  const { request, respondWith } = event as RequestEvent;
  const route = routeOf(request, worker.registration.scope);
  if (route === 'page') respondWith.call(event, fromNetwork(request));
  else if (route === 'asset') respondWith.call(event, fromCache(request));
});
worker.addEventListener('message', (event) => {
  const { data } = event as MessageEvent<unknown>;
  if (data === 'take over') void worker.skipWaiting();
  if (data === 'end') void end();
});

async function fill(): Promise<void> {
  const cache = await caches.open(CACHE);
  const missing = [];
  for (const asset of __ASSETS__) if (!(await cache.match(asset))) missing.push(asset);
  // One that does not come costs the page without a network, and nothing with one.
  await Promise.allSettled([...missing, PAGE].map((path) => cache.add(path)));
}

async function begin(): Promise<void> {
  const cache = await caches.open(CACHE);
  const known = new Set([...__ASSETS__, PAGE].map((path) => new URL(path, worker.registration.scope).href));
  for (const request of await cache.keys()) if (!known.has(request.url)) await cache.delete(request);
  await worker.clients.claim();
}

async function fromNetwork(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    // A login in between sends elsewhere: what comes then is not this page.
    if (response.ok && !response.redirected && response.type === 'basic')
      await cache.put(PAGE, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(PAGE);
    if (kept) return kept;
    throw error;
  }
}

async function fromCache(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request);
  if (kept) return kept;
  const response = await fetch(request);
  if (response.ok && response.type === 'basic') await cache.put(request, response.clone());
  return response;
}

async function end(): Promise<void> {
  await caches.delete(CACHE);
  await worker.registration.unregister();
}
