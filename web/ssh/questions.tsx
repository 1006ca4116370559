import { useLayoutEffect, useRef } from 'preact/hooks';
import { keyTypeName } from './fingerprint.ts';
import type { TerminalTab } from './terminal-tab.ts';

interface Props {
  tab: TerminalTab;
}

/** The first time, whether this host key is the right one; a changed one is said loudly. */
export function TrustQuestion({ tab }: Props) {
  const offer = tab.offer.value;
  if (!offer) return null;
  const { place, keyType, fingerprint, before } = offer.subject;
  const where = `${place.host}, port ${place.port}`;
  return (
    <div class={before ? 'question question-bad' : 'question'} role="alertdialog" aria-label="Host key">
      {before ? (
        <>
          <p class="question-head">The host key of {where} has changed.</p>
          <p>
            Somebody may be reading along between you and this machine, or it was set up anew. Do not go on
            before its administrator has confirmed the new fingerprint. No password was sent.
          </p>
        </>
      ) : (
        <p class="question-head">First connection to {where}.</p>
      )}
      <dl class="fingerprints">
        {before && (
          <>
            <dt>Trusted since {new Date(before.since).toLocaleDateString()}</dt>
            <dd class="mono">
              {keyTypeName(before.keyType)} {before.fingerprint}
            </dd>
          </>
        )}
        <dt>{before ? 'Now' : 'Its key'}</dt>
        <dd class="mono">
          {keyTypeName(keyType)} {fingerprint}
        </dd>
      </dl>
      <p class="dim">On the server, ssh-keygen -lf /etc/ssh/ssh_host_…_key.pub prints it.</p>
      <div class="question-actions">
        <FocusedButton onClick={() => offer.answer(!before)} primary={!before}>
          {before ? 'Do not connect' : 'Trust and connect'}
        </FocusedButton>
        <button type="button" class="quiet" onClick={() => offer.answer(before !== undefined)}>
          {before ? 'Trust the new key' : 'Cancel'}
        </button>
      </div>
    </div>
  );
}

/** What the server wants to know: a password, a code, whatever it asks. */
export function LoginQuestion({ tab }: Props) {
  const asked = tab.question.value;
  const first = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => first.current?.focus(), [asked]);
  if (!asked) return null;
  const { account, title, text, prompts } = asked.subject;
  return (
    <form
      class="question"
      aria-label="Log in"
      onSubmit={(event) => {
        event.preventDefault();
        const data = new FormData(event.currentTarget);
        asked.answer(prompts.map((_, i) => String(data.get(`answer-${i}`) ?? '')));
      }}
    >
      <p class="question-head">{title ? `${title} (${account})` : `Log in as ${account}`}</p>
      {text && <p role="status">{text}</p>}
      {prompts.map(({ label, isSecret }, i) => (
        <div class="field" key={`${label}-${i}`}>
          <label for={`${tab.id}-answer-${i}`}>{label}</label>
          {isSecret ? (
            <input {...answerField(tab, i)} type="password" ref={i === 0 ? first : undefined} />
          ) : (
            <input {...answerField(tab, i)} type="text" ref={i === 0 ? first : undefined} />
          )}
        </div>
      ))}
      <div class="question-actions">
        <button type="submit" class="primary">
          Log in
        </button>
        <button type="button" class="quiet" onClick={() => asked.answer(undefined)}>
          Cancel
        </button>
      </div>
    </form>
  );
}

function answerField({ id }: TerminalTab, i: number) {
  return { id: `${id}-answer-${i}`, name: `answer-${i}`, autocomplete: 'off' };
}

/** Several lines run at once, and what they are may not be what was seen where they were copied. */
export function PasteQuestion({ tab }: Props) {
  const { paste } = tab.screen;
  if (!paste.value) return null;
  const { text, lines } = paste.value;
  const done = (isWanted: boolean) => {
    paste.value = undefined;
    if (isWanted) tab.screen.putIn(text);
    tab.screen.focus();
  };
  return (
    <div class="question" role="dialog" aria-label="Paste">
      <p class="question-head">Paste {lines} lines? Each may run as a command at once.</p>
      <pre class="code question-text">{text.replaceAll('\r', '\n')}</pre>
      <div class="question-actions">
        <FocusedButton onClick={() => done(false)}>Do not paste</FocusedButton>
        <button type="button" class="quiet" onClick={() => done(true)}>
          Paste {lines} lines
        </button>
      </div>
    </div>
  );
}

/** A link's text and where it goes are two things, and the other side wrote both. */
export function LinkQuestion({ tab }: Props) {
  const { link } = tab.screen;
  const url = link.value;
  if (url === undefined) return null;
  const done = () => {
    link.value = undefined;
    tab.screen.focus();
  };
  return (
    <div class="question" role="dialog" aria-label="Link">
      <p class="question-head">Open this link in a new tab? It does not go through the tunnel.</p>
      <p class="mono question-text">{url}</p>
      <div class="question-actions">
        <a class="button" href={url} target="_blank" rel="noopener noreferrer" onClick={done}>
          Open link
        </a>
        <FocusedButton onClick={done}>Do not open</FocusedButton>
      </div>
    </div>
  );
}

interface ButtonProps {
  onClick: () => void;
  primary?: boolean;
  children: string;
}

function FocusedButton({ onClick, primary = false, children }: ButtonProps) {
  const button = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => button.current?.focus(), []);
  return (
    <button type="button" class={primary ? 'primary' : undefined} ref={button} onClick={onClick}>
      {children}
    </button>
  );
}
