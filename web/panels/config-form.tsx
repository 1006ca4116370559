import type { ConfigIssue } from '../../src/index.ts';
import {
  addSection,
  readField,
  removeSection,
  type Section,
  sectionsOf,
  writeField,
} from '../config-fields.ts';
import type { ConsoleModel } from '../model.ts';
import '../style/tunnels.css';

interface Entry {
  key: string;
  label: string;
  placeholder?: string;
  secret?: boolean;
}

const INTERFACE: Entry[] = [
  { key: 'PrivateKey', label: 'Private key', secret: true },
  { key: 'Address', label: 'Our addresses', placeholder: '10.0.0.2/32' },
  { key: 'DNS', label: 'DNS servers', placeholder: '10.0.0.1' },
  { key: 'MTU', label: 'MTU', placeholder: '1420' },
];

const PEER: Entry[] = [
  { key: 'PublicKey', label: 'Its public key' },
  { key: 'Endpoint', label: 'Endpoint', placeholder: 'vpn.example.com:51820' },
  { key: 'AllowedIPs', label: 'Routes (AllowedIPs)', placeholder: '10.0.0.0/24' },
  { key: 'PresharedKey', label: 'Preshared key, if any', secret: true },
  { key: 'PersistentKeepalive', label: 'Keepalive in seconds', placeholder: '25' },
];

/** The same configuration as fields; what it does not show stays in the text as it is. */
export function ConfigForm({ model, issues }: { model: ConsoleModel; issues: ConfigIssue[] }) {
  const text = model.text.value;
  const found = sectionsOf(text);
  if (!found.some(({ kind }) => kind === 'interface'))
    return (
      <button type="button" onClick={() => model.setText(`${addSection('', 'interface')}\n${text}`)}>
        Begin a configuration
      </button>
    );
  return (
    <div class="config-form">
      {found.map((section, index) => (
        <Fields key={index} model={model} section={section} index={index} issues={issues} />
      ))}
      <button type="button" onClick={() => model.setText(addSection(text, 'peer'))}>
        Add a peer
      </button>
    </div>
  );
}

interface SectionProps {
  model: ConsoleModel;
  section: Section;
  index: number;
  issues: ConfigIssue[];
}

function Fields({ model, section, index, issues }: SectionProps) {
  const isPeer = section.kind === 'peer';
  const own = issues.filter(({ line }) => line > section.start && line <= section.end);
  const known = new Set((isPeer ? PEER : INTERFACE).map(({ key }) => key));
  return (
    <fieldset class="config-section">
      <legend>{isPeer ? 'Peer' : 'This page'}</legend>
      {(isPeer ? PEER : INTERFACE).map((entry) => (
        <Input
          key={entry.key}
          id={`config-${index}-${entry.key}`}
          entry={entry}
          value={readField(model.text.value, section, entry.key)}
          issue={own.find(({ key }) => key === entry.key)}
          onInput={(value) => model.setText(writeField(model.text.value, section, entry.key, value))}
        />
      ))}
      {own
        .filter(({ key, severity }) => severity === 'error' && !known.has(key ?? ''))
        .map((issue) => (
          <p class="field-issue" key={issue.message}>
            {issue.message}
          </p>
        ))}
      {isPeer && (
        <button
          type="button"
          class="quiet"
          onClick={() => model.setText(removeSection(model.text.value, section))}
        >
          Remove this peer
        </button>
      )}
    </fieldset>
  );
}

interface InputProps {
  id: string;
  entry: Entry;
  value: string;
  issue: ConfigIssue | undefined;
  onInput: (value: string) => void;
}

function Input({ id, entry: { label, placeholder, secret }, value, issue, onInput }: InputProps) {
  const common = {
    id,
    class: 'mono',
    autocomplete: 'off',
    autocapitalize: 'off',
    spellcheck: false,
    value,
    'aria-invalid': issue?.severity === 'error',
    'aria-describedby': issue && `${id}-issue`,
    onInput: (event: { currentTarget: HTMLInputElement }) => onInput(event.currentTarget.value),
  } as const;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {secret ? (
        <input type="password" {...common} />
      ) : (
        <input type="text" placeholder={placeholder} {...common} />
      )}
      {issue && (
        <p id={`${id}-issue`} class="field-issue" data-severity={issue.severity}>
          {issue.message.replace(/^line \d+: /i, '')}
        </p>
      )}
    </div>
  );
}
