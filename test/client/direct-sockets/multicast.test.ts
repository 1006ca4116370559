import { expect } from 'vitest';
import type { MulticastController } from '../../../src/client/multicast-controller.ts';
import { OUR_V4 } from './ground.ts';
import {
  INVALID_STATE,
  type Lab,
  NETWORK_ERROR,
  next,
  type Row,
  type Section,
  table,
  write,
} from './table.ts';

const GROUP = '239.1.2.3';
const GROUP_V6 = 'ff05::123';
const SOURCE = { sourceAddress: '192.0.2.100' };

table('MulticastController', [
  {
    section: '3',
    says: 'its members are joinGroup(), leaveGroup() and joinedGroups',
    holds: async (lab) => {
      const controller = await controllerOf(lab);
      const members: string[] = [];
      for (const member in controller) members.push(member);
      expect(members.sort()).toEqual(['joinGroup', 'joinedGroups', 'leaveGroup']);
      expect(Object.prototype.toString.call(controller)).toBe('[object MulticastController]');
    },
  },
  ...refused('3.3', 'joinGroup', TypeError.name, [
    ['a group that is no IP address', 'group', {}],
    ['a group that is no multicast address', OUR_V4, {}],
    ['options that are no dictionary', GROUP, 5],
  ]),
  ...refused('3.1', 'joinGroup', TypeError.name, [
    ['a source that is no IP address', GROUP, { sourceAddress: 'host' }],
    ['a source that is a group', GROUP, { sourceAddress: '224.0.0.9' }],
    ['a source that is loopback', GROUP, { sourceAddress: '127.0.0.1' }],
    ['a source that is loopback, in IPv6', GROUP_V6, { sourceAddress: '::1' }],
    ['a source that is unspecified', GROUP, { sourceAddress: '0.0.0.0' }],
    ['a source that is unspecified, in IPv6', GROUP_V6, { sourceAddress: '::' }],
    ['a source of the other family', GROUP, { sourceAddress: 'fd00::1' }],
  ]),
  {
    section: '3.3',
    says: 'a group that is joined, or just being joined, is an InvalidStateError',
    holds: async (lab) => {
      const controller = await controllerOf(lab);
      const joining = controller.joinGroup(GROUP);
      await expect(controller.joinGroup(GROUP)).rejects.toMatchObject(INVALID_STATE);
      await joining;
      await expect(controller.joinGroup(GROUP)).rejects.toMatchObject(INVALID_STATE);
      await expect(controller.joinGroup(GROUP, SOURCE)).resolves.toBeUndefined();
      await expect(controller.joinGroup(GROUP, SOURCE)).rejects.toMatchObject(INVALID_STATE);
    },
  },
  {
    section: '3.3',
    says: 'a group that the socket cannot hear, or one too many, is a NetworkError',
    holds: async (lab) => {
      const controller = await controllerOf(lab, '0.0.0.0');
      await expect(controller.joinGroup(GROUP_V6)).rejects.toMatchObject(NETWORK_ERROR);
      for (let i = 0; i < 20; i++) await controller.joinGroup(`239.0.0.${i}`);
      await expect(controller.joinGroup(GROUP)).rejects.toMatchObject({
        ...NETWORK_ERROR,
        cause: { code: 'ERR_LIMIT' },
      });
      expect(controller.joinedGroups).toHaveLength(20);
    },
  },
  ...(['joinGroup', 'leaveGroup'] as const).map(
    (action): Row => ({
      section: action === 'joinGroup' ? '3.3' : '3.4',
      says: `${action}() of a socket that was closed is an InvalidStateError`,
      holds: async ({ tunnel }) => {
        const socket = new tunnel.UDPSocket({ localAddress: '::' });
        const { multicastController } = await socket.opened;
        await multicastController!.joinGroup(GROUP);
        await socket.close();
        const group = action === 'joinGroup' ? GROUP_V6 : GROUP;
        await expect(multicastController![action](group)).rejects.toMatchObject(INVALID_STATE);
      },
    }),
  ),
  ...[GROUP, GROUP_V6].map(
    (group): Row => ({
      section: '3.3',
      says: `what is sent to a joined group is heard (${group})`,
      holds: async (lab) => {
        const { readable, multicastController } = await bound(lab);
        await multicastController!.joinGroup(group);
        await send(lab, group, 1);
        expect((await next(readable))!.data).toEqual(Uint8Array.of(1));
      },
    }),
  ),
  ...[
    { group: GROUP, ours: OUR_V4, other: '192.0.2.100' },
    { group: GROUP_V6, ours: 'fd00::2', other: '2001:db8::100' },
  ].map(
    ({ group, ours, other }): Row => ({
      section: '3.3',
      says: `with a source, only what that one sends to the group is heard (${group})`,
      holds: async (lab) => {
        const { readable, multicastController } = await bound(lab);
        await multicastController!.joinGroup(group, { sourceAddress: other });
        await send(lab, group, 1);
        await multicastController!.joinGroup(group, { sourceAddress: ours });
        await send(lab, group, 2);
        expect((await next(readable))!.data).toEqual(Uint8Array.of(2));
      },
    }),
  ),
  ...refused('3.4', 'leaveGroup', TypeError.name, [
    ['a group that is no IP address', 'group', {}],
    ['a source that is no IP address', GROUP, { sourceAddress: 'host' }],
  ]),
  ...refused('3.4', 'leaveGroup', INVALID_STATE.name, [
    ['a group that was never joined', GROUP, {}],
    ['an address that is no group', OUR_V4, {}],
    ['a source that was never joined', GROUP_V6, { sourceAddress: 'fd00::9' }],
  ]),
  {
    section: '3.4',
    says: 'a group that was left is heard no more, and cannot be left again, also while it is being left',
    holds: async (lab) => {
      const { readable, multicastController } = await bound(lab);
      await multicastController!.joinGroup(GROUP);
      const leaving = multicastController!.leaveGroup(GROUP);
      await expect(multicastController!.leaveGroup(GROUP)).rejects.toMatchObject(INVALID_STATE);
      await expect(leaving).resolves.toBeUndefined();
      await expect(multicastController!.leaveGroup(GROUP)).rejects.toMatchObject(INVALID_STATE);
      await send(lab, GROUP, 1);
      await send(lab, OUR_V4, 2);
      expect((await next(readable))!.data).toEqual(Uint8Array.of(2));
    },
  },
  {
    section: '3.4',
    says: 'a membership with a source is left with that source only',
    holds: async (lab) => {
      const controller = await controllerOf(lab);
      await controller.joinGroup(GROUP, SOURCE);
      await expect(controller.leaveGroup(GROUP)).rejects.toMatchObject(INVALID_STATE);
      await controller.leaveGroup(GROUP, SOURCE);
      expect(controller.joinedGroups).toEqual([]);
    },
  },
  {
    section: '3.2',
    says: 'a membership with a source is a dictionary of both addresses',
    holds: async (lab) => {
      const controller = await controllerOf(lab);
      await controller.joinGroup(GROUP, SOURCE);
      expect(controller.joinedGroups).toEqual([{ groupAddress: GROUP, sourceAddress: '192.0.2.100' }]);
    },
  },
  {
    section: '3.5',
    says: 'joinedGroups lists memberships in the order of joining, frozen, the same list until it changes',
    holds: async (lab) => {
      const controller = await controllerOf(lab);
      expect(controller.joinedGroups).toEqual([]);
      await controller.joinGroup(GROUP);
      await controller.joinGroup(GROUP_V6);
      const list = controller.joinedGroups;
      expect(list).toEqual([GROUP, GROUP_V6]);
      expect(Object.isFrozen(list)).toBe(true);
      expect(controller.joinedGroups).toBe(list);
      await controller.leaveGroup(GROUP);
      expect(list).toEqual([GROUP, GROUP_V6]);
      expect(controller.joinedGroups).toEqual([GROUP_V6]);
    },
  },
  {
    section: '5.3',
    says: 'no permission is asked for: every bound socket has a controller',
    holds: async (lab) => expect(await controllerOf(lab)).toBeDefined(),
  },
]);

function bound({ tunnel }: Lab, localAddress = '::') {
  return new tunnel.UDPSocket({ localAddress, localPort: 5353 }).opened;
}

async function controllerOf(lab: Lab, localAddress?: string): Promise<MulticastController> {
  return (await bound(lab, localAddress)).multicastController!;
}

/** One byte to our own port, from another. */
async function send({ tunnel }: Lab, remoteAddress: string, byte: number): Promise<void> {
  const { writable } = await new tunnel.UDPSocket({ localAddress: '::' }).opened;
  await write(writable, { data: Uint8Array.of(byte), remoteAddress, remotePort: 5353 });
}

function refused(
  section: Section,
  action: 'joinGroup' | 'leaveGroup',
  name: string,
  cases: [what: string, group: string, options: unknown][],
): Row[] {
  return cases.map(([what, group, options]) => ({
    section,
    says: `${action}() rejects with ${name} for ${what}`,
    holds: async (lab) => {
      const controller = await controllerOf(lab);
      await expect(controller[action](group, options as object)).rejects.toMatchObject({ name });
      expect(controller.joinedGroups).toEqual([]);
    },
  }));
}
