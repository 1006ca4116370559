// A chunk of its own: loaded when somebody wants a tunnel elsewhere.
import { useSignal } from '@preact/signals';
import type { ConsoleModel } from '../model.ts';
import { CopyLine } from '../parts/copy-button.tsx';
import { Field } from '../parts/field.tsx';
import { QrCode } from '../parts/qr-code.tsx';
import { saveFile } from '../parts/save-file.ts';
import { inviteLink, MOVE_LIFE, moveLink, newPassphrase } from '../tunnels/link.ts';
import '../style/tunnels.css';

type Way = 'none' | 'qr' | 'invite' | 'move';

/** Four ways out of this page: a file, a code for another app, an invitation, and a move to one's other device. */
export function Share({ model }: { model: ConsoleModel }) {
  const way = useSignal<Way>('none');
  const choose = (next: Way) => (way.value = way.value === next ? 'none' : next);
  const name = model.opened.value?.name ?? 'tunnel';
  const hasKey = model.ourselves.value.privateKey !== undefined;
  return (
    <div class="share">
      <div class="share-ways">
        <button type="button" onClick={() => saveConfig(name, model.text.value)}>
          Save .conf file
        </button>
        <Toggle model={way.value} way="qr" onClick={choose}>
          Show QR code
        </Toggle>
        <Toggle model={way.value} way="invite" onClick={choose}>
          Invite somebody
        </Toggle>
        <Toggle model={way.value} way="move" onClick={choose}>
          Move to my other device
        </Toggle>
      </div>
      {!hasKey && (
        <p class="hint">
          Nobody can read this tunnel’s private key, so file and code are without it: the other device needs a
          key of its own.
        </p>
      )}
      {way.value === 'qr' && <Code model={model} />}
      {way.value === 'invite' && <Invite model={model} />}
      {way.value === 'move' && <Move model={model} name={name} />}
    </div>
  );
}

interface ToggleProps {
  model: Way;
  way: Way;
  onClick: (way: Way) => void;
  children: string;
}

function Toggle({ model, way, onClick, children }: ToggleProps) {
  return (
    <button type="button" aria-expanded={model === way} onClick={() => onClick(way)}>
      {children}
    </button>
  );
}

function saveConfig(name: string, text: string): void {
  // The names of interfaces that wg-quick takes.
  const file = name.replace(/[^\w=+.-]/g, '-').slice(0, 15) || 'tunnel';
  saveFile({ blob: new Blob([text], { type: 'text/plain' }), name: `${file}.conf` });
}

function Code({ model }: { model: ConsoleModel }) {
  return (
    <>
      <p class="note">
        For a WireGuard app’s “scan from QR code”. Whoever sees it has the private key: show it to nobody
        else, and use the key on one device only.
      </p>
      <QrCode text={model.text.value} label="QR code of the configuration" />
    </>
  );
}

function Invite({ model }: { model: ConsoleModel }) {
  const address = useSignal('');
  const { config } = model.checked.value;
  if (!config) return null;
  const addresses = address.value.split(/[\s,]+/).filter((part) => part !== '');
  const link = inviteLink(pageAddress(), model.relayText.value.trim(), config, addresses);
  return (
    <>
      <p class="note">
        Holds where the server is and what lies behind it, and no key. Whoever opens it gets a key of their
        own and the lines that the server’s administrator must add.
      </p>
      <Field
        id="invite-address"
        label="Address of the other device, if you assign it"
        value={address}
        placeholder="10.0.0.3/32"
        required={false}
      />
      <CopyLine label="Invitation" text={link} />
      <QrCode text={link} label="QR code of the invitation" />
    </>
  );
}

function Move({ model, name }: { model: ConsoleModel; name: string }) {
  const passphrase = useSignal<string | undefined>(undefined);
  const link = useSignal<string | undefined>(undefined);
  if (!model.ourselves.value.privateKey)
    return <p class="note">This key cannot leave this browser: invite the other device instead.</p>;
  const make = async () => {
    const secret = newPassphrase();
    const parcel = { name, relay: model.relayText.value.trim(), text: model.text.value };
    link.value = await moveLink(pageAddress(), parcel, secret, Date.now() + MOVE_LIFE);
    passphrase.value = secret;
  };
  if (link.value === undefined)
    return (
      <>
        <p class="note">
          Makes a link with everything, keys too, encrypted with a passphrase that is shown here and typed
          there. It can be opened for a quarter of an hour. Disconnect here before you connect there: a key
          works on one device at a time.
        </p>
        <button type="button" onClick={() => void make()}>
          Make the link
        </button>
      </>
    );
  return (
    <>
      <CopyLine label="Passphrase, to be typed there" text={passphrase.value!} />
      <CopyLine label="Link" text={link.value} />
      <QrCode text={link.value} label="QR code of the link" />
    </>
  );
}

function pageAddress(): string {
  return location.origin + location.pathname;
}
