import { useComputed, useSignal } from '@preact/signals';
import { formatBytes } from '../format.ts';
import { Field } from '../parts/field.tsx';
import { FileRow } from './file-row.tsx';
import type { Files } from './files.ts';
import { shownName } from './remote-name.ts';

/** So many rows are drawn at once: a page with all of 10,000 would stand still. */
const ROWS = 200;
/** A folder with more is searched rather than read. */
const MANY = 30;

/** What is in the folder that is looked at; a part of it if it is large. */
export function FolderView({ files }: { files: Files }) {
  const wanted = useSignal('');
  const rows = useSignal(ROWS);
  const found = useComputed(() => {
    const text = wanted.value.toLowerCase();
    const all = files.entries.value ?? [];
    return text === '' ? all : all.filter(({ name }) => name.toLowerCase().includes(text));
  });
  const all = files.entries.value ?? [];
  const hidden = files.hidden.value;
  if (all.length === 0 && hidden === 0)
    return <p class="dim empty">Nothing is in this folder. Drop files here to upload them.</p>;
  const rest = found.value.length - rows.value;
  return (
    <>
      {all.length > MANY && (
        <Field id="files-find" label="Find in this folder" value={wanted} required={false} />
      )}
      <div class="results files-list">
        <table aria-label={`Files in ${shownName(files.folder.value)}`}>
          <Headings />
          <tbody>
            {found.value.slice(0, rows.value).map((file) => (
              <FileRow key={file.name} files={files} file={file} />
            ))}
          </tbody>
        </table>
      </div>
      {rest > 0 && (
        <button type="button" class="quiet" onClick={() => (rows.value += ROWS)}>
          Show {Math.min(rest, ROWS)} more of {found.value.length}
        </button>
      )}
      <Foot files={files} found={found.value.length} />
    </>
  );
}

function Headings() {
  return (
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
  );
}

function Foot({ files, found }: { files: Files; found: number }) {
  const all = files.entries.value ?? [];
  const hidden = files.hidden.value;
  const bytes = all.reduce((sum, { kind, size }) => sum + (kind === 'file' ? size : 0), 0);
  return (
    <p class="results-foot" role="status">
      {found < all.length && `${found} of `}
      {all.length} {all.length === 1 ? 'entry' : 'entries'}, {formatBytes(bytes)}.
      {hidden > 0 && ` ${hidden} more cannot be shown here.`}
      <span class="wide-only"> Drop files here to upload them.</span>
    </p>
  );
}
