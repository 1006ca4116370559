// A chunk of its own: loaded when somebody unfolds what the server needs.
import { serverCommand, serverStanza } from '../config-text.ts';
import type { ConsoleModel } from '../model.ts';
import { CopyLine } from '../parts/copy-button.tsx';

export function ServerSide({ model }: { model: ConsoleModel }) {
  const publicKey = model.publicKey.value;
  if (!publicKey) return null;
  const { addresses } = model.ourselves.value;
  const { config } = model.checked.value;
  const hasPresharedKey = config?.peers.some((peer) => peer.presharedKey !== undefined) ?? false;
  return (
    <>
      {model.beforeKeys.value !== undefined && (
        <p class="note" role="status">
          A new key pair: the private key went into the text and stays in this page.{' '}
          <button type="button" class="link" onClick={() => model.undoKeys()}>
            Undo
          </button>
        </p>
      )}
      <CopyLine label="Our public key" text={publicKey} />
      <CopyLine
        label="Add to the server’s configuration"
        text={serverStanza(publicKey, addresses, hasPresharedKey)}
      />
      <CopyLine label="Or at once, on the server" text={serverCommand(publicKey, addresses)} />
    </>
  );
}
