import { useSignal } from '@preact/signals';
import { useId, useRef } from 'preact/hooks';
import { formatBytes } from '../format.ts';
import { Field } from '../parts/field.tsx';
import { FileRow } from './file-row.tsx';
import type { Files } from './files.ts';
import type { TerminalTab } from './terminal-tab.ts';
import { TransferList } from './transfer-list.tsx';

/** The machine's files, through SFTP on the same connection. */
export function FilesView({ tab }: { tab: TerminalTab }) {
  const isOpen = tab.phase.value === 'open';
  const { files } = tab;
  const over = useSignal(false);
  if (!isOpen && files.entries.value === undefined) return null;
  if (files.entries.value === undefined)
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
      <TransferList transfers={files.transfers.value} />
      <Folder files={files} />
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

function Head({ files }: { files: Files }) {
  const input = useRef<HTMLInputElement>(null);
  const newFolder = useSignal<string | undefined>(undefined);
  return (
    <>
      <div class="files-head">
        <h3>Files</h3>
        <p class="mono files-path">{files.folder.value}</p>
        <button
          type="button"
          class="quiet"
          disabled={files.folder.value === '/'}
          onClick={() => void files.up()}
        >
          Up
        </button>
        <button type="button" class="quiet" onClick={() => void files.start()}>
          Refresh
        </button>
        <button
          type="button"
          class="quiet"
          onClick={() => (newFolder.value = newFolder.value === undefined ? '' : undefined)}
        >
          New folder
        </button>
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
      </div>
      {newFolder.value !== undefined && (
        <NameForm
          label="Name of the folder"
          action="Make folder"
          onDone={(name) => {
            newFolder.value = undefined;
            if (name) void files.makeFolder(name);
          }}
        />
      )}
    </>
  );
}

export function NameForm(props: {
  label: string;
  action: string;
  initial?: string;
  onDone: (name: string | undefined) => void;
}) {
  const name = useSignal(props.initial ?? '');
  const id = useId();
  return (
    <form
      class="line-form"
      onSubmit={(event) => {
        event.preventDefault();
        props.onDone(name.value);
      }}
    >
      <Field id={id} label={props.label} value={name} />
      <button type="submit">{props.action}</button>
      <button type="button" class="quiet" onClick={() => props.onDone(undefined)}>
        Cancel
      </button>
    </form>
  );
}

function Folder({ files }: { files: Files }) {
  const entries = files.entries.value ?? [];
  if (entries.length === 0)
    return <p class="dim empty">Nothing is in this folder. Drop files here to upload them.</p>;
  const bytes = entries.reduce((sum, { kind, size }) => sum + (kind === 'file' ? size : 0), 0);
  return (
    <>
      <div class="results files-list">
        <table aria-label={`Files in ${files.folder.value}`}>
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col" class="number">
                Size
              </th>
              <th scope="col" class="wide-only">
                Permissions
              </th>
              <th scope="col" class="wide-only">
                Changed
              </th>
              <th scope="col">
                <span class="hidden">What to do</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {entries.map((file) => (
              <FileRow key={file.name} files={files} file={file} />
            ))}
          </tbody>
        </table>
      </div>
      <p class="results-foot">
        {entries.length} {entries.length === 1 ? 'entry' : 'entries'}, {formatBytes(bytes)}. Drop files here
        to upload them.
      </p>
    </>
  );
}
