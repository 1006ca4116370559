// What README.md shows, word for word; above the line what it takes for granted.
import type { Tunnel } from 'tabwire';
declare const tunnel: Tunnel;
export {};

// ——
const socket = new tunnel.WebSocket('ws://db.internal:8080/live', ['v2'])
socket.onmessage = ({ data }) => console.log(data)   // string, Blob or ArrayBuffer, as in a browser
socket.onerror = ({ error }) => console.warn(error)  // says why, which a browser's own does not
