import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { ConfigIssue } from '../../src/index.ts';
import { TEXT_LIMIT, tokenizeLine } from '../config-text.ts';
import { count } from '../format.ts';
import { EyeIcon } from './icons.tsx';

interface Props {
  text: string;
  issues: ConfigIssue[];
  readOnly: boolean;
  onInput: (text: string) => void;
  onSubmit: () => void;
}

/**
 * A text area under coloured text: the letters one sees are the layer behind, in which keys are bars until they are
 * asked for. Both layers share one grid cell, so they scroll and grow as one.
 */
export function Editor({ text, issues, readOnly, onInput, onSubmit }: Props) {
  const revealed = useSignal(false);
  const area = useRef<HTMLTextAreaElement>(null);
  const lines = text.split('\n');
  const worst = new Map<number, ConfigIssue['severity']>();
  for (const { line, severity } of issues) if (worst.get(line) !== 'error') worst.set(line, severity);
  const hasSecret = lines.some((line) => tokenizeLine(line).some((token) => token.kind === 'secret'));

  const goTo = (issue: ConfigIssue) => {
    const start = lines.slice(0, issue.line - 1).join('\n').length + (issue.line > 1 ? 1 : 0);
    area.current?.focus();
    area.current?.setSelectionRange(start + issue.column - 1, start + (lines[issue.line - 1]?.length ?? 0));
  };

  return (
    <div class="editor">
      <div class={`editor-frame${issues.some((issue) => issue.severity === 'error') ? ' is-wrong' : ''}`}>
        <div class="editor-scroll">
          <div class="editor-sheet">
            <div class="editor-gutter" aria-hidden="true">
              {lines.map((_, index) => (
                <span key={index} data-severity={worst.get(index + 1)}>
                  {index + 1}
                </span>
              ))}
            </div>
            <div class="editor-layers">
              <pre class="editor-text" data-revealed={revealed.value} aria-hidden="true">
                {lines.map((line, index) => (
                  <Line key={index} line={line} severity={worst.get(index + 1)} />
                ))}
              </pre>
              <textarea
                ref={area}
                aria-label="WireGuard configuration"
                aria-invalid={issues.some((issue) => issue.severity === 'error')}
                aria-describedby="config-issues"
                placeholder={PLACEHOLDER}
                value={text}
                readOnly={readOnly}
                rows={1}
                wrap="off"
                spellcheck={false}
                autocomplete="off"
                autocapitalize="off"
                onInput={(event) => onInput(event.currentTarget.value)}
                onPaste={(event) => refuseLong(event, onInput)}
                onKeyDown={(event) => {
                  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) onSubmit();
                }}
              />
            </div>
          </div>
        </div>
        <div class="editor-foot">
          <span>{text === '' ? 'Paste, type, or drop a file' : count(lineCount(text), 'line')}</span>
          {!readOnly && <span class="wide-only">Ctrl+Enter connects</span>}
          {hasSecret && (
            <button
              type="button"
              class="quiet"
              aria-pressed={revealed.value}
              onClick={() => (revealed.value = !revealed.value)}
            >
              <EyeIcon open={revealed.value} />
              {revealed.value ? 'Hide keys' : 'Show keys'}
            </button>
          )}
        </div>
      </div>
      <Issues issues={issues} goTo={goTo} />
    </div>
  );
}

/** The page would stand still while the browser puts megabytes into the field. */
function refuseLong(event: ClipboardEvent, onInput: (text: string) => void): void {
  const text = event.clipboardData?.getData('text/plain') ?? '';
  if (text.length <= TEXT_LIMIT) return;
  event.preventDefault();
  onInput(text);
}

function Line({ line, severity }: { line: string; severity: ConfigIssue['severity'] | undefined }) {
  return (
    <span class="editor-line" data-severity={severity}>
      {tokenizeLine(line).map(({ kind, text }, index) => (
        <span key={index} class={`token-${kind}`}>
          {text}
        </span>
      ))}
      {'\n'}
    </span>
  );
}

/** A line feed at the end does not begin another line. */
function lineCount(text: string): number {
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
}

const SHOWN = 8;

function Issues({ issues, goTo }: { issues: ConfigIssue[]; goTo: (issue: ConfigIssue) => void }) {
  const all = useSignal(false);
  const shown = all.value ? issues : issues.slice(0, SHOWN);
  return (
    <div id="config-issues" aria-live="polite">
      {issues.length > 0 && (
        <ul class="issues" aria-label="What this configuration needs">
          {shown.map((issue) => (
            <li key={`${issue.line}:${issue.column}:${issue.message}`}>
              <button type="button" class="issue" data-severity={issue.severity} onClick={() => goTo(issue)}>
                <span class="issue-line">Line {issue.line}</span>
                <span>{issue.message.replace(/^line \d+: /i, '')}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
      {issues.length > shown.length && (
        <button type="button" class="quiet" onClick={() => (all.value = true)}>
          Show {issues.length - shown.length} more
        </button>
      )}
    </div>
  );
}

const PLACEHOLDER = `[Interface]
PrivateKey = …
Address = 10.0.0.2/32

[Peer]
PublicKey = …
Endpoint = vpn.example.com:51820
AllowedIPs = 10.0.0.0/24`;
