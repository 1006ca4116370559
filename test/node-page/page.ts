import { Buffer } from 'node:buffer';
import { Redis } from 'ioredis';
import mqtt from 'mqtt';
import * as pg from 'pg';
import * as ssh2 from 'ssh2';
import { WebSocket as NodeWebSocket } from 'ws';

Object.assign(window, { pg, Redis, ssh2, mqtt, NodeWebSocket, Buffer });
document.title = 'ready';
