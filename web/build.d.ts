// What the build puts in.

/** Of package.json. */
declare const __VERSION__: string;

/** Styles that come with a part of the page that is loaded later. */
declare module '*.css';
