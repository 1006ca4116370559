// A page with packages that were written for Node, as npm has them: each function is a program that uses one, over the tunnel.

import * as tabwire from '../../src/index.ts';
import { setDefaultTunnel } from '../../src/shims/net.ts';
import * as axios from './axios.ts';
import * as memory from './memory.ts';
import * as mqtt from './mqtt.ts';
import * as postgres from './postgres.ts';
import * as redis from './redis.ts';
import * as ssh from './ssh.ts';
import * as websocket from './websocket.ts';

const programs = { ...axios, ...memory, ...mqtt, ...postgres, ...redis, ...ssh, ...websocket };

declare global {
  interface Window {
    programs: typeof programs;
  }
}

window.tabwire = tabwire;
window.programs = programs;

/** What `openTunnel` of the tests makes is what the packages speak through. */
Object.defineProperty(window, 'tunnel', {
  get: () => tunnel,
  set: (opened: tabwire.Tunnel) => {
    tunnel = opened;
    setDefaultTunnel(opened);
  },
});
let tunnel: tabwire.Tunnel | undefined;

document.title = 'ready';
