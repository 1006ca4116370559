// The chunk with ssh2 and xterm.js in it.
export { Desk } from './desk.ts';
export { DeskView } from './desk-view.tsx';
