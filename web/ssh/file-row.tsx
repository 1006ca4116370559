import { useSignal } from '@preact/signals';
import { formatBytes } from '../format.ts';
import type { Files } from './files.ts';
import { modeText } from './mode-text.ts';
import { NameForm } from './name-form.tsx';
import { shownName } from './remote-name.ts';
import type { RemoteFile } from './sftp.ts';

type Doing = 'nothing' | 'rename' | 'mode' | 'delete';

/** One file or folder and what can be done with it. */
export function FileRow({ files, file }: { files: Files; file: RemoteFile }) {
  const doing = useSignal<Doing>('nothing');
  const { kind, size, mode, modified } = file;
  const name = shownName(file.name);
  const begin = (what: Doing) => (doing.value = doing.value === what ? 'nothing' : what);
  const open = () => void (kind === 'folder' ? files.enter(file) : files.download(file));
  return (
    <>
      <tr>
        <td>
          <button
            type="button"
            class="link"
            aria-label={`${kind === 'folder' ? 'Open' : 'Download'} ${name}`}
            onClick={open}
          >
            <span>
              <bdi>{name}</bdi>
              {kind === 'folder' ? '/' : ''}
            </span>
          </button>
        </td>
        <td class="number">{kind === 'file' ? formatBytes(size) : ''}</td>
        <td class="mono wide-only">{modeText(kind, mode)}</td>
        <td class="wide-only">{new Date(modified).toLocaleString()}</td>
        <td class="file-actions">
          <button type="button" class="quiet" aria-label={`Rename ${name}`} onClick={() => begin('rename')}>
            Rename
          </button>
          <button
            type="button"
            class="quiet"
            aria-label={`Permissions of ${name}`}
            onClick={() => begin('mode')}
          >
            Mode
          </button>
          <button type="button" class="quiet" aria-label={`Delete ${name}`} onClick={() => begin('delete')}>
            Delete
          </button>
        </td>
      </tr>
      {doing.value !== 'nothing' && (
        <tr>
          <td colSpan={5}>
            <Doings files={files} file={file} doing={doing.value} onDone={() => begin('nothing')} />
          </td>
        </tr>
      )}
    </>
  );
}

interface DoingsProps {
  files: Files;
  file: RemoteFile;
  doing: Doing;
  onDone: () => void;
}

function Doings(props: DoingsProps) {
  if (props.doing === 'rename') return <Renaming {...props} />;
  if (props.doing === 'mode') return <ModeChange {...props} />;
  return <Deleting {...props} />;
}

/** What cannot be typed is offered as it is shown. */
function Renaming({ files, file, onDone }: DoingsProps) {
  const name = shownName(file.name);
  return (
    <NameForm
      label={`New name of ${name}`}
      action="Rename"
      initial={name}
      onDone={(to) => {
        onDone();
        if (to && to !== name) void files.rename(file, to);
      }}
    />
  );
}

function ModeChange({ files, file, onDone }: DoingsProps) {
  return (
    <NameForm
      label={`Permissions of ${shownName(file.name)}, octal`}
      action="Change"
      initial={file.mode.toString(8).padStart(3, '0')}
      onDone={(text) => {
        onDone();
        if (text === undefined) return;
        if (/^[0-7]{3,4}$/.test(text)) void files.chmod(file, Number.parseInt(text, 8));
        else files.problem.value = 'Permissions are three or four digits from 0 to 7, such as 644.';
      }}
    />
  );
}

function Deleting({ files, file, onDone }: DoingsProps) {
  const name = shownName(file.name);
  return (
    <p class="tunnel-question">
      {file.kind === 'folder' ? 'Only an empty folder can be deleted.' : 'It is gone for good then.'}
      <button
        type="button"
        aria-label={`Delete “${name}”`}
        onClick={() => {
          onDone();
          void files.remove(file);
        }}
      >
        Delete “<bdi>{name}</bdi>”
      </button>
      <button type="button" class="quiet" onClick={onDone}>
        Keep it
      </button>
    </p>
  );
}
