// A script of its own, first in the page's head and no module: what a link brought is out of the address before anything else
// runs, or even loads. fragment.ts has it from here.
(() => {
  const take = () => {
    const { hash, pathname, search } = location;
    if (hash === '') return;
    history.replaceState(history.state, '', pathname + search);
    (globalThis as { tabwireFragment?: string }).tabwireFragment = hash;
  };
  take();
  addEventListener('hashchange', take);
})();
