// A chunk of its own: loaded when somebody wants to scan.
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { ConsoleModel } from '../model.ts';
import { QrReader } from '../tunnels/qr-reader.ts';
import '../style/tunnels.css';

const BETWEEN = 120;

/** The camera's picture until it shows a code. */
export function ScanPanel({ model }: { model: ConsoleModel }) {
  const video = useRef<HTMLVideoElement>(null);
  const problem = useSignal<string | undefined>(undefined);
  useEffect(() => {
    const stop = new AbortController();
    scan(video.current!, stop.signal).then(
      (text) => text !== undefined && model.takeScanned(text),
      (error: unknown) => (problem.value = cameraSentence(error)),
    );
    return () => stop.abort();
  }, [model, problem]);
  return (
    <section class="panel" aria-label="Scan a QR code">
      <div class="panel-head">
        <h2>Scan a QR code</h2>
        <button type="button" class="quiet" onClick={() => (model.scanning.value = false)}>
          {problem.value ? 'Close' : 'Stop'}
        </button>
      </div>
      {problem.value ? (
        <>
          <p class="note-bad" role="alert">
            {problem.value}
          </p>
          <PictureButton onPicture={(files) => openPicture(model, files)} />
        </>
      ) : (
        <p class="dim">
          Hold the code of a configuration or of a link before the camera. The picture stays here.
        </p>
      )}
      <video
        ref={video}
        class="camera"
        hidden={problem.value !== undefined}
        muted
        playsInline
        aria-label="What the camera sees"
      />
    </section>
  );
}

/** What is wrong with it is said where the configuration would be. */
function openPicture(model: ConsoleModel, files: File[]): void {
  model.scanning.value = false;
  void model.openFiles(files);
}

/** Where there is no camera. */
function PictureButton({ onPicture }: { onPicture: (files: File[]) => void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" onClick={() => input.current?.click()}>
        Open a picture
      </button>
      <input
        ref={input}
        type="file"
        accept="image/*"
        hidden
        onChange={(event) => {
          onPicture([...(event.currentTarget.files ?? [])]);
          event.currentTarget.value = '';
        }}
      />
    </>
  );
}

/** Undefined if it was stopped before there was one. */
async function scan(video: HTMLVideoElement, signal: AbortSignal): Promise<string | undefined> {
  const stream = await cameraStream();
  const reader = new QrReader();
  try {
    video.srcObject = stream;
    await video.play();
    while (!signal.aborted) {
      const { videoWidth, videoHeight } = video;
      const text = videoWidth > 0 ? await reader.read(video, videoWidth, videoHeight) : undefined;
      if (text !== undefined) return signal.aborted ? undefined : text;
      await new Promise((resolve) => setTimeout(resolve, BETWEEN));
    }
    return undefined;
  } catch (error) {
    // Stopped while it began to play.
    if (signal.aborted) return undefined;
    throw error;
  } finally {
    reader.close();
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  }
}

function cameraStream(): Promise<MediaStream> {
  const wish = { facingMode: 'environment', width: { ideal: 1280 }, height: { ideal: 1280 } };
  // Only secure pages have a camera to ask for.
  if (!('mediaDevices' in navigator)) throw new DOMException('', 'NotFoundError');
  return navigator.mediaDevices.getUserMedia({ video: wish });
}

function cameraSentence(error: unknown): string {
  const name = error instanceof DOMException ? error.name : '';
  if (name === 'NotAllowedError')
    return 'The camera may not be used: allow it for this page, or open a picture of the code.';
  if (name === 'NotFoundError') return 'There is no camera to use: open a picture of the code instead.';
  return 'The camera does not start: close what else uses it, or open a picture of the code.';
}
