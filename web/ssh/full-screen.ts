interface KeyboardLock {
  lock?: (keys?: string[]) => Promise<void>;
  unlock?: () => void;
}

/** Fills the screen; where the browser can, keys that it would take itself (Escape, Ctrl-W) go to the terminal then. */
export async function goFullScreen(element: HTMLElement): Promise<void> {
  if (document.fullscreenElement) {
    await document.exitFullscreen();
    return;
  }
  const { keyboard } = navigator as Navigator & { keyboard?: KeyboardLock };
  try {
    await element.requestFullscreen();
    await keyboard?.lock?.();
  } catch {
    return; // The browser would not, and shows it.
  }
  const unlock = () => {
    if (document.fullscreenElement) return;
    document.removeEventListener('fullscreenchange', unlock);
    keyboard?.unlock?.();
  };
  document.addEventListener('fullscreenchange', unlock);
}
