import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

interface Props {
  enabled: boolean;
  onFiles: (files: File[]) => void;
}

/** The whole page takes a file; while one is held over it, it says so. */
export function DropArea({ enabled, onFiles }: Props) {
  const over = useSignal(false);
  useEffect(() => {
    const abort = new AbortController();
    const listen = (type: 'dragover' | 'dragleave' | 'drop', listener: (event: DragEvent) => void) =>
      document.addEventListener(
        type,
        (event) => {
          if (event.dataTransfer?.types.includes('Files')) listener(event);
        },
        abort,
      );
    listen('dragover', (event) => {
      // Also while connected: a browser would otherwise leave the page for the file.
      event.preventDefault();
      over.value = enabled;
    });
    listen('dragleave', (event) => {
      if (event.relatedTarget === null) over.value = false;
    });
    listen('drop', (event) => {
      event.preventDefault();
      over.value = false;
      const files = [...(event.dataTransfer?.files ?? [])];
      if (files.length > 0 && enabled) onFiles(files);
    });
    return () => abort.abort();
  }, [enabled]);
  if (!over.value) return null;
  return (
    <div class="drop" aria-hidden="true">
      <p>Drop .conf files, a zip of them, or a picture of a QR code</p>
    </div>
  );
}
