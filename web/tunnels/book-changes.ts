// A chunk of its own: loaded with the first change of what is kept.
import { importPrivateKey } from '../../src/index.ts';
import { readOurselves, withoutPrivateKey } from '../config-text.ts';
import type { OpenedTunnel, TunnelBook } from './tunnel-book.ts';
import type { SavedTunnel, Secret } from './tunnel-store.ts';

const LONGEST_NAME = 60;

export async function keep(book: TunnelBook, name: string, tunnel: OpenedTunnel): Promise<void> {
  const { text, privateKey } = tunnel;
  await replace(book, name, tunnel, { kind: 'tab', text, privateKey }, 'until this tab is closed');
}

/** Under names that are free. The list is drawn once. */
export function keepMany(book: TunnelBook, named: readonly (OpenedTunnel & { name: string })[]): void {
  const added = named.map(({ name, publicKey, relay, text, privateKey }): SavedTunnel => {
    return { id: crypto.randomUUID(), name, publicKey, relay, secret: { kind: 'tab', text, privateKey } };
  });
  book.show([...book.tunnels.value, ...added]);
  const count = added.length === 1 ? 'One tunnel is' : `${added.length} tunnels are`;
  book.note.value = `${count} kept until this tab is closed.`;
}

export async function save(
  book: TunnelBook,
  name: string,
  tunnel: OpenedTunnel,
  passphrase: string,
): Promise<void> {
  const secret = passphrase === '' ? await keySecret(book, tunnel) : await sealedSecret(tunnel, passphrase);
  if (!secret) return;
  await replace(book, name, tunnel, secret, 'in this browser');
  if (!(await book.persist().catch(() => false)))
    book.note.value = `${book.note.value!} ${notPersistent(book)}`;
}

export async function rename(book: TunnelBook, id: string, name: string): Promise<void> {
  const tunnel = book.find(id);
  const title = checkName(book, name, id);
  if (!tunnel || title === undefined) return;
  await put(book, { ...tunnel, name: title });
  book.note.value = `It is called “${title}” now.`;
}

export async function remove(book: TunnelBook, id: string): Promise<void> {
  const tunnel = book.find(id);
  if (!tunnel) return;
  if (tunnel.secret.kind !== 'tab') await book.store.delete(id);
  book.show(book.tunnels.value.filter((each) => each.id !== id));
  book.note.value = `“${tunnel.name}” is deleted here; the server still lets its key in.`;
}

async function keySecret(book: TunnelBook, tunnel: OpenedTunnel): Promise<Secret | undefined> {
  try {
    const inText = readOurselves(tunnel.text).privateKey;
    const privateKey = inText === undefined ? tunnel.privateKey : await importPrivateKey(inText);
    if (!privateKey) {
      book.problem.value =
        'There is no private key to save: generate keys, or paste the whole configuration.';
      return undefined;
    }
    // Whether it can be stored shows in storing it.
    await book.store.put({ ...PROBE, secret: { kind: 'key', text: '', privateKey } });
    await book.store.delete(PROBE.id);
    return { kind: 'key', text: withoutPrivateKey(tunnel.text), privateKey };
  } catch {
    book.needsPassphrase.value = true;
    book.problem.value =
      'This browser cannot store keys that nobody can read, so choose a passphrase that encrypts it.';
    return undefined;
  }
}

async function sealedSecret({ text }: OpenedTunnel, passphrase: string): Promise<Secret> {
  const { seal } = await import('./seal.ts');
  return { kind: 'sealed', sealed: await seal(text, passphrase) };
}

async function replace(
  book: TunnelBook,
  name: string,
  tunnel: OpenedTunnel,
  secret: Secret,
  where: string,
): Promise<void> {
  const title = checkName(book, name);
  if (title === undefined) return;
  const { relay, publicKey } = tunnel;
  const before = book.tunnels.value.find((each) => each.name === title);
  const id = before?.id ?? crypto.randomUUID();
  if (before && before.secret.kind !== 'tab' && secret.kind === 'tab') await book.store.delete(id);
  await put(book, { id, name: title, publicKey, relay, secret });
  book.note.value = `“${title}” is kept ${where}.${secret.kind === 'key' ? ` ${KEY_SAVED}` : ''}`;
}

async function put(book: TunnelBook, tunnel: SavedTunnel): Promise<void> {
  if (tunnel.secret.kind !== 'tab') await book.store.put(tunnel);
  book.show([...book.tunnels.value.filter((each) => each.id !== tunnel.id), tunnel]);
}

function checkName(book: TunnelBook, name: string, id?: string): string | undefined {
  const title = name.trim();
  if (title === '') book.problem.value = 'Give it a name first.';
  else if (title.length > LONGEST_NAME) book.problem.value = `A name has at most ${LONGEST_NAME} characters.`;
  else if (id !== undefined && book.tunnels.value.some((each) => each.name === title && each.id !== id))
    book.problem.value = `There is another “${title}” already: choose another name.`;
  else return title;
  return undefined;
}

const PROBE = { id: 'probe', name: 'probe', publicKey: '', relay: '' };

const KEY_SAVED =
  'Its private key can be used by this page but not read by anybody; the rest, a preshared key too, is stored as it is.';

function notPersistent({ hasEnrolment }: TunnelBook): string {
  const again = hasEnrolment ? 'press “Get a configuration” again' : 'ask for a new one';
  return `This browser may delete it when it needs room: keep the .conf file, or ${again} if that happens.`;
}
