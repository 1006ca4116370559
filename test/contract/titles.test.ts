// What counts as a test that shows something: one that runs.
import { expect, it } from 'vitest';
import { hasTest, testsIn } from '../support/titles.ts';

it('finds tests that run, and none that are skipped, nor what only looks like one', () => {
  const text = `
    // it('in a comment', () => {});
    const text = "it('in a text', () => {})";
    it('plain', () => expect(1).toBe(1));
    it('with options', { timeout: 1 }, async () => {});
    it.each([1, 2])('of %i', (n) => {});
    it.for([1])(\`of \${name}\`, () => {});
    test('of Playwright', async function () {});
    both('by a helper', () => {});
    describe('a group', () => { it('in it', () => {}); });
    it('without a body');
    it.todo('to be written', () => {});
    it.skip('skipped', () => {});
    test.fixme('broken', () => {});
    describe.skip('a group that is skipped', () => { it('in that', () => {}); });
    it('that may skip', ({ skip }) => { test.skip(!root, 'needs root'); });
    expect(page, 'has "plain too"').toBe(1);
  `;
  const titles = testsIn('it.test.ts', text).map(({ title }) => title);
  const plain = ['plain', 'with options', 'of %i', `of \${name}`, 'of Playwright', 'by a helper', 'in it'];
  expect(titles).toEqual([...plain, 'that may skip']);
});

it('looks for a part of the title, and for what the test names', () => {
  const file = 'test/contract/titles.test.ts';
  expect(hasTest(file, 'for a part of the title')).toBe(true);
  expect(hasTest(file, 'for a part of the title', 'what the test names')).toBe(true);
  expect(hasTest(file, 'for a part of the title', ['something', 'else'].join(' '))).toBe(false);
  expect(hasTest(file, 'skipped, nor what only looks like two')).toBe(false);
});
