import { describe, expect, it, vi } from 'vitest';
import { Login, type Question } from '../../../web/ssh/login.ts';
import type { Signer } from '../../../web/ssh/signer.ts';

const ALL = ['publickey', 'keyboard-interactive', 'password'];
const signer = { publicBlob: new Uint8Array(4), type: 'ssh-ed25519' } as unknown as Signer;

interface Interactive {
  prompt: (
    name: string,
    instructions: string,
    language: string,
    prompts: { prompt: string; echo?: boolean }[],
    finish: (answers: string[]) => void,
  ) => void;
}

function asked(method: unknown, prompts: { prompt: string; echo?: boolean }[]): Promise<string[]> {
  return new Promise((resolve) => (method as Interactive).prompt('', '', '', prompts, resolve));
}

describe('logging in', () => {
  it('tries a few keys at once, then asks the server, then the person', async () => {
    const login = new Login('me', [signer], () => Promise.resolve(['secret']));
    expect((await login.next(null, null))?.type).toBe('agent');
    // ssh2 says nothing of what the server answered to keys.
    expect(await login.next(null, null)).toEqual({ type: 'none', username: 'me' });
    expect((await login.next(ALL, false))?.type).toBe('keyboard-interactive');
    expect(await login.next(['password'], false)).toEqual({
      type: 'password',
      username: 'me',
      password: 'secret',
    });
  });

  it('asks the server first if there are many keys, then tries them once', async () => {
    const login = new Login('me', Array<Signer>(4).fill(signer), () => Promise.resolve(['secret']));
    expect(await login.next(null, null)).toEqual({ type: 'none', username: 'me' });
    expect((await login.next(ALL, false))?.type).toBe('agent');
    expect((await login.next(ALL, false))?.type).toBe('keyboard-interactive');
  });

  it('asks three times and no more', async () => {
    const login = new Login('me', [], () => Promise.resolve(['wrong']));
    for (let i = 0; i < 3; i++) expect((await login.next(['password'], false))?.type).toBe('password');
    expect(await login.next(['password'], false)).toBeUndefined();
  });

  it('says that an answer was wrong, but not so when the server only wants more', async () => {
    const questions: Question[] = [];
    const login = new Login('me', [], (question) => {
      questions.push(question);
      return Promise.resolve(['123']);
    });
    const method = await login.next(['keyboard-interactive'], false);
    await asked(method, [{ prompt: 'Password: ', echo: false }]);
    await asked(method, [{ prompt: 'Code:', echo: true }]);
    const more = await login.next(['password'], true);
    expect(more?.type).toBe('password');
    await login.next(['password'], false);
    expect(questions.map(({ text }) => text)).toEqual(['', '', '', 'That was not right: try again.']);
    expect(questions[0]!.prompts).toEqual([{ label: 'Password', isSecret: true }]);
    expect(questions[1]!.prompts).toEqual([{ label: 'Code', isSecret: false }]);
  });

  it('answers a server that asks nothing without a question', async () => {
    const ask = vi.fn(() => Promise.resolve(['x']));
    const login = new Login('me', [], ask);
    expect(await asked(await login.next(['keyboard-interactive'], false), [])).toEqual([]);
    expect(ask).not.toHaveBeenCalled();
  });

  it('ends when the person has had enough', async () => {
    const login = new Login('me', [], () => Promise.resolve(undefined));
    expect(await asked(await login.next(['keyboard-interactive'], false), [{ prompt: 'Password:' }])).toEqual(
      [],
    );
    expect(login.isCancelled).toBe(true);
    expect(await login.next(ALL, false)).toBeUndefined();
  });
});
