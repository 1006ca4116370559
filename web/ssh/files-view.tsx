import { type Signal, useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { Files } from './files.ts';
import { FolderView } from './folder-view.tsx';
import { NameForm } from './name-form.tsx';
import { shownName } from './remote-name.ts';
import type { TerminalTab } from './terminal-tab.ts';
import { TransferList } from './transfer-list.tsx';

/** The machine's files, through SFTP on the same connection. */
export function FilesView({ tab }: { tab: TerminalTab }) {
  const { files } = tab;
  const over = useSignal(false);
  const isListed = files.entries.value !== undefined;
  if (!isListed && tab.phase.value !== 'open') return null;
  if (!isListed)
    return (
      <section class="files" aria-label="Files">
        <button type="button" onClick={() => void files.start()}>
          {files.busy.value ? 'Opening…' : 'Open files'}
        </button>
        <Problem files={files} />
      </section>
    );
  const drop = (event: DragEvent) => {
    event.preventDefault();
    event.stopPropagation();
    over.value = false;
    void files.upload([...(event.dataTransfer?.files ?? [])]);
  };
  return (
    <section
      class={over.value ? 'files files-over' : 'files'}
      aria-label="Files"
      onDragOver={(event) => {
        event.preventDefault();
        over.value = true;
      }}
      onDragLeave={() => (over.value = false)}
      onDrop={drop}
    >
      <Head files={files} />
      <Problem files={files} />
      <TransferList transfers={files.transfers} />
      <FolderView key={files.folder.value} files={files} />
    </section>
  );
}

function Problem({ files }: { files: Files }) {
  return files.problem.value ? (
    <p class="note-bad" role="alert">
      {files.problem.value}
    </p>
  ) : null;
}

type Doing = 'nothing' | 'going' | 'making';

function Head({ files }: { files: Files }) {
  const doing = useSignal<Doing>('nothing');
  const toggle = (what: Doing) => (doing.value = doing.value === what ? 'nothing' : what);
  return (
    <>
      <div class="files-head">
        <h3>Files</h3>
        <p class="mono files-path">
          <bdi>{shownName(files.folder.value)}</bdi>
        </p>
        <button
          type="button"
          class="quiet"
          disabled={files.folder.value === '/'}
          onClick={() => void files.up()}
        >
          Up
        </button>
        <button type="button" class="quiet" onClick={() => toggle('going')}>
          Go to
        </button>
        <button type="button" class="quiet" onClick={() => void files.start()}>
          Refresh
        </button>
        <button type="button" class="quiet" onClick={() => toggle('making')}>
          New folder
        </button>
        <UploadButton files={files} />
      </div>
      <Asking files={files} doing={doing} />
    </>
  );
}

function UploadButton({ files }: { files: Files }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" onClick={() => input.current?.click()}>
        Upload
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label="Files to upload"
        onChange={(event) => {
          const chosen = [...(event.currentTarget.files ?? [])];
          event.currentTarget.value = '';
          void files.upload(chosen);
        }}
      />
    </>
  );
}

function Asking({ files, doing }: { files: Files; doing: Signal<Doing> }) {
  const then = (act: (text: string) => Promise<void>) => (text: string | undefined) => {
    doing.value = 'nothing';
    if (text) void act(text);
  };
  if (doing.value === 'making')
    return (
      <NameForm
        label="Name of the folder"
        action="Make folder"
        onDone={then((name) => files.makeFolder(name))}
      />
    );
  if (doing.value === 'going')
    return (
      <NameForm
        label="Path of the folder"
        action="Open folder"
        initial={files.folder.value}
        onDone={then((path) => files.go(path))}
      />
    );
  return null;
}
