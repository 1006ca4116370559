// What differs between the two versions of IP, for whoever writes packets of both.
import { OUR_V4, OUR_V6, PEER_V4, PEER_V6 } from '../../../support/lone-stack.ts';

export interface Family {
  readonly name: 'IPv4' | 'IPv6';
  readonly us: string;
  readonly peer: string;
  /** In our network, but nobody. */
  readonly stranger: string;
  readonly prefix: number;
  /** The length of the IP header. */
  readonly header: number;
  readonly icmp: number;
  readonly echoRequest: number;
  readonly echoReply: number;
  readonly unreachable: number;
  readonly portCode: number;
}

export const IPV4: Family = {
  name: 'IPv4',
  us: OUR_V4,
  peer: PEER_V4,
  stranger: '10.0.0.77',
  prefix: 24,
  header: 20,
  icmp: 1,
  echoRequest: 8,
  echoReply: 0,
  unreachable: 3,
  portCode: 3,
};

export const IPV6: Family = {
  name: 'IPv6',
  us: OUR_V6,
  peer: PEER_V6,
  stranger: 'fd00::77',
  prefix: 64,
  header: 40,
  icmp: 58,
  echoRequest: 128,
  echoReply: 129,
  unreachable: 1,
  portCode: 4,
};
