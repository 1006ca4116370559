import { absent, deviation, met, type RfcDocument } from '../requirement.ts';

const RESOLVER = 'core/netstack/dns/resolver.test.ts › ';
const CACHE = 'core/netstack/dns/cache.test.ts › ';
const RACE = 'core/netstack/happy-eyeballs.test.ts › ';
const ORDER = 'core/netstack/address-selection.test.ts › ';
const MESSAGE = 'core/wire/dns.test.ts › ';
const NAME = 'core/wire/dns-name.test.ts › ';

const QUESTION = 'netstack/dns/question.ts';
const UDP = 'netstack/dns/udp-query.ts';
const TCP = 'netstack/dns/tcp-channel.ts';
const ANSWER = 'netstack/dns/answer.ts';
const KEPT = 'netstack/dns/cache.ts';
const SPECIAL = 'netstack/dns/special-names.ts';
const HAPPY = 'netstack/happy-eyeballs.ts';
const SELECTION = 'netstack/address-selection.ts';

const FORGED = `${RESOLVER}60: wrong ID, wrong port, wrong question, changed case and QR=0 are ignored, and the query goes on`;
const TRUNCATED = `${RESOLVER}carries what is too large for UDP; a truncated answer is never taken`;

/** What a stub resolver is held to, and whoever connects to a name. */
export const NAMES: readonly RfcDocument[] = [
  {
    name: 'RFC 1123',
    title: 'Requirements for Internet Hosts, §6.1: Domain Name Translation',
    requirements: [
      met(
        'MUST',
        '6.1.2.1',
        'Records with TTL 0 are used and not kept.',
        KEPT,
        `${RESOLVER}holds as long as the shortest TTL on the way, a day at most, and not at all with TTL 0`,
      ),
      met('MUST', '6.1.3.2', 'A question is asked over UDP first.', QUESTION, TRUNCATED),
      met(
        'SHOULD',
        '6.1.3.2',
        'What comes truncated is asked for again over TCP.',
        `${QUESTION} ${TCP}`,
        TRUNCATED,
      ),
      met(
        'MUST',
        '6.1.3.3',
        'There is an end to retransmissions, and time between them.',
        QUESTION,
        `${RESOLVER}with one server is 1, 2, 4 and 4 seconds, 12 in all`,
        `${RESOLVER}with several goes round`,
      ),
      met(
        'MUST',
        '6.1.3.3',
        'Failures are kept for a while.',
        KEPT,
        `${RESOLVER}includes that a server fails, for 5 seconds at first and 5 minutes at last`,
      ),
      met(
        'MUST',
        '6.1.4.3',
        'A name with a dot at its end is complete.',
        'netstack/dns/search-list.ts',
        `${RESOLVER}with a dot at its end is nothing but itself`,
      ),
      met(
        'MUST',
        '6.1.4.3',
        'Names that do not exist are kept where a search list may ask for them.',
        KEPT,
        `${RESOLVER}includes names that do not exist, for all types and all names below`,
      ),
    ],
  },
  {
    name: 'RFC 2181',
    title: 'Clarifications to the DNS Specification',
    requirements: [
      met(
        'SHOULD',
        '5.2',
        'Of different TTLs in one set the least counts.',
        ANSWER,
        `${RESOLVER}holds as long as the shortest TTL on the way, a day at most, and not at all with TTL 0`,
      ),
      met(
        'SHOULD',
        '8',
        'A TTL whose highest bit is set is zero.',
        'wire/dns.ts',
        `${MESSAGE}has TTLs with the highest bit set as zero, as RFC 2181 §8 says`,
      ),
      met('SHOULD', '9', 'A truncated answer is not used.', QUESTION, TRUNCATED),
      met(
        'MUST',
        '11',
        'Labels have up to 63 octets, names up to 255, of any value.',
        'wire/dns-name.ts',
        `${NAME}has labels of at most 63 bytes`,
        `${NAME}may have 255 bytes and no more, also by pointers`,
        `${NAME}may hold any byte behind a backslash`,
      ),
    ],
  },
  {
    name: 'RFC 2308',
    title: 'Negative Caching of DNS Queries',
    requirements: [
      met(
        'SHOULD',
        '5',
        'That a name does not exist is kept, for all types.',
        KEPT,
        `${RESOLVER}includes names that do not exist, for all types and all names below`,
      ),
      met(
        'SHOULD',
        '5',
        'That there is no such record is kept, for that type.',
        KEPT,
        `${RESOLVER}includes that a name has no such record, for an hour at most`,
      ),
      met(
        'SHOULD NOT',
        '5',
        'Without an SOA record nothing of that is kept.',
        ANSWER,
        `${RESOLVER}includes nothing of that without an SOA record of the zone`,
      ),
      met(
        'SHOULD',
        '5',
        'It is kept for a few hours at most.',
        ANSWER,
        `${RESOLVER}includes that a name has no such record, for an hour at most`,
      ),
      met(
        'MUST NOT',
        '7.1',
        'That a server fails is kept for 5 minutes at most.',
        KEPT,
        `${RESOLVER}includes that a server fails, for 5 seconds at first and 5 minutes at last`,
      ),
      met(
        'MUST',
        '7.2',
        'A server that failed is kept by question and server.',
        KEPT,
        `${CACHE}1024 failures are remembered, the last ones`,
      ),
    ],
  },
  {
    name: 'RFC 4343',
    title: 'DNS Case Insensitivity Clarification',
    requirements: [
      met(
        'MUST',
        '3',
        'ASCII letters compare without case, other octets as they are.',
        'wire/dns-name.ts',
        `${NAME}is equal to another whatever the case of its ASCII letters`,
      ),
    ],
  },
  {
    name: 'RFC 5452',
    title: 'Measures for Making DNS More Resilient against Forged Answers',
    requirements: [
      met(
        'MUST',
        '9.1',
        'Remote address and local port of an answer are those of the question.',
        UDP,
        FORGED,
      ),
      met(
        'MUST',
        '9.1',
        'ID, name, type and class are those of the question.',
        'netstack/dns/acceptance.ts',
        FORGED,
      ),
      deviation(
        'MUST',
        '9.1',
        'An answer repeats the question.',
        'DNS answers of FORMERR and NOTIMP are taken without the question, for servers that do not know EDNS: they are asked without it then, nothing else follows.',
        'netstack/dns/acceptance.ts',
        `${RESOLVER}60: wrong ID, wrong port, wrong question, changed case and QR=0 are ignored, and the query goes on`,
      ),
      met(
        'MUST',
        '9.2',
        'Ports are unpredictable, out of all from 1024 on.',
        UDP,
        `${RESOLVER}comes from another port, with another ID and in other letters each time`,
      ),
      met(
        'MUST',
        '9.2',
        'IDs are unpredictable, out of all 65,536.',
        UDP,
        `${RESOLVER}comes from another port, with another ID and in other letters each time`,
      ),
      met(
        'MUST',
        '9.2',
        'Questions on their way at the same time have ports of their own.',
        UDP,
        `${RESOLVER}comes from another port, with another ID and in other letters each time`,
      ),
      met(
        'SHOULD',
        '5',
        'The same question is not on its way twice.',
        'netstack/dns/resolver.ts',
        `${RESOLVER}is asked once, whoever else wants to know meanwhile`,
      ),
    ],
  },
  {
    name: 'RFC 6724',
    title: 'Default Address Selection for IPv6',
    requirements: [
      met(
        'SHOULD',
        '2.1',
        'The default policy table holds.',
        SELECTION,
        `${ORDER}rule 6: IPv4 comes before ULAs, and Teredo after both`,
      ),
      met(
        'MUST',
        '3.2',
        'Of IPv4, loopback and link-local addresses have link-local scope, all others global.',
        SELECTION,
        `${ORDER}loopback and link-local of IPv4 are link-local in scope, private addresses are global`,
      ),
      met(
        'SHOULD',
        '6',
        'Rule 1: avoid destinations that cannot be reached.',
        SELECTION,
        `${ORDER}rule 1: those with neither a source nor a route come last`,
      ),
      met(
        'SHOULD',
        '6',
        'Rule 2: prefer a matching scope.',
        SELECTION,
        `${ORDER}§10.2: prefer a matching scope`,
      ),
      absent(
        'SHOULD',
        '6',
        'Rule 3: avoid deprecated addresses.',
        'Addresses of a tunnel are configured: none is deprecated.',
      ),
      absent('SHOULD', '6', 'Rule 4: prefer home addresses.', 'There is no Mobile IPv6.'),
      met(
        'SHOULD',
        '6',
        'Rule 5: prefer a matching label.',
        SELECTION,
        `${ORDER}§10.2: prefer a matching label`,
      ),
      met(
        'SHOULD',
        '6',
        'Rule 6: prefer the higher precedence.',
        SELECTION,
        `${ORDER}§10.2: prefer the higher precedence`,
      ),
      absent('SHOULD', '6', 'Rule 7: prefer native transport.', 'Everything goes through the same tunnel.'),
      met(
        'SHOULD',
        '6',
        'Rule 8: prefer the smaller scope.',
        SELECTION,
        `${ORDER}§10.2: prefer the smaller scope`,
      ),
      met(
        'SHOULD',
        '6',
        'Rule 9: use the longest matching prefix.',
        SELECTION,
        `${ORDER}rule 9: of IPv6, the longest common prefix first, in the upper 64 bits`,
      ),
      met(
        'SHOULD',
        '6',
        'Rule 10: otherwise, leave the order unchanged.',
        SELECTION,
        `${ORDER}rule 10: otherwise, and always in IPv4, the order of the servers stays`,
      ),
    ],
  },
  {
    name: 'RFC 6761',
    title: 'Special-Use Domain Names',
    requirements: [
      met(
        'SHOULD',
        '6.3',
        'localhost and what is below it are the loopback addresses, and no server is asked.',
        SPECIAL,
        `${RESOLVER}localhost, or below it, is this host`,
      ),
      met(
        'SHOULD',
        '6.4',
        'Names under invalid do not exist, and no server is asked.',
        SPECIAL,
        'core/netstack/dns/resolver.test.ts › a.invalid',
      ),
    ],
  },
  {
    name: 'RFC 6762',
    title: 'Multicast DNS',
    requirements: [
      deviation(
        'MUST',
        '3',
        'Names under local are multicast DNS’s.',
        'Names under .local are asked of DNS servers where a search domain is there too: whoever configured the tunnel has said that its servers know such names.',
        SPECIAL,
        `${RESOLVER}under .local is asked for where the network’s own domain is there`,
      ),
    ],
  },
  {
    name: 'RFC 6891',
    title: 'Extension Mechanisms for DNS (EDNS(0))',
    requirements: [
      met(
        'MUST',
        '6.1.1',
        'At most one OPT record is in a query, among the additional ones.',
        'wire/dns.ts',
        `${MESSAGE}has one question, recursion desired, and room for 1232 bytes`,
      ),
      met(
        'MUST NOT',
        '6.2.6',
        'OPT records are not kept.',
        'wire/dns.ts',
        `${MESSAGE}is read from front to back`,
      ),
      met(
        'MUST',
        '6.1.3',
        'The upper bits of the response code count.',
        'wire/dns.ts',
        `${MESSAGE}has EDNS’s upper bits in its response code`,
      ),
      met(
        'SHOULD',
        '7',
        'Who does not understand it is asked without, and that is remembered.',
        QUESTION,
        'core/netstack/dns/resolver.test.ts › FORMERR without a question',
        `${RESOLVER}left out and still not understood is a failure of the server`,
      ),
    ],
  },
  {
    name: 'RFC 7686',
    title: 'The ".onion" Special-Use Domain Name',
    requirements: [
      met(
        'MUST',
        '2',
        'Names under onion do not exist, and no server is asked.',
        SPECIAL,
        'core/netstack/dns/resolver.test.ts › service.onion',
      ),
    ],
  },
  {
    name: 'RFC 7766',
    title: 'DNS Transport over TCP',
    requirements: [
      met('MUST', '5', 'TCP is there.', TCP, TRUNCATED),
      met(
        'SHOULD',
        '6.2.1',
        'A connection is used again.',
        TCP,
        `${RESOLVER}is used again within 5 seconds, and closed after them`,
      ),
      met(
        'SHOULD',
        '6.2.1.1',
        'Questions are sent without waiting for the answers before.',
        TCP,
        `${RESOLVER}may bring several answers in another order than they were asked for`,
      ),
      met(
        'MUST',
        '6.2.4',
        'The server may close at any time; what is unanswered is asked again.',
        TCP,
        `${RESOLVER}is opened anew where the server closed it behind an answer`,
      ),
      met(
        'MUST',
        '7',
        'Answers come in any order, and are told apart by ID and question.',
        TCP,
        `${RESOLVER}may bring several answers in another order than they were asked for`,
      ),
      met(
        'MUST NOT',
        '6.2.1.1',
        'No two questions on one connection have the same ID.',
        TCP,
        `${RESOLVER}may bring several answers in another order than they were asked for`,
      ),
      met(
        'SHOULD',
        '8',
        'Length and message come in whatever pieces TCP makes of them.',
        TCP,
        `${RESOLVER}may bring its answers in pieces`,
      ),
    ],
  },
  {
    name: 'RFC 8020',
    title: 'NXDOMAIN: There Really Is Nothing Underneath',
    requirements: [
      met(
        'SHOULD',
        '2',
        'Below a name that does not exist there is nothing.',
        KEPT,
        `${RESOLVER}includes names that do not exist, for all types and all names below`,
      ),
      deviation(
        'SHOULD',
        '2',
        'That holds for any name.',
        'That a top-level name does not exist proves nothing about names below it: behind split DNS, the world knows no corp, and the server next door knows db.corp.',
        KEPT,
        `${RESOLVER}does not include what is below a top-level name alone`,
      ),
    ],
  },
  {
    name: 'RFC 8305',
    title: 'Happy Eyeballs Version 2',
    requirements: [
      met(
        'SHOULD',
        '3',
        'AAAA is asked for first, A at once behind it.',
        'netstack/address-lookup.ts',
        `${RACE}asks for AAAA first and for A at once, and takes what answers`,
      ),
      met(
        'SHOULD NOT',
        '3',
        'Neither answer waits for the other, but an A for 50 ms.',
        HAPPY,
        `${RACE}waits 50 ms for AAAA where A came first`,
        `${RACE}does not wait where AAAA came first, or where there is none`,
      ),
      met(
        'MUST',
        '4',
        'The addresses are sorted by RFC 6724.',
        `${HAPPY} ${SELECTION}`,
        `${RACE}tries the families by turns, 250 ms apart, in the order of RFC 6724`,
      ),
      met(
        'SHOULD',
        '4',
        'Families take turns.',
        SELECTION,
        `${RACE}tries the families by turns, 250 ms apart, in the order of RFC 6724`,
      ),
      met(
        'SHOULD',
        '4',
        'Which family was the better one is remembered for about 10 minutes.',
        HAPPY,
        `${RACE}remembers for 10 minutes which family won`,
      ),
      met(
        'SHOULD NOT',
        '5',
        'Attempts do not begin all at once, but 250 ms apart.',
        HAPPY,
        `${RACE}tries the families by turns, 250 ms apart, in the order of RFC 6724`,
      ),
      met(
        'MUST NOT',
        '5',
        'They are never less than 10 ms apart (with us: 100).',
        HAPPY,
        'core/netstack/happy-eyeballs.test.ts › staggered by 10 ms is staggered by 100',
      ),
      met(
        'SHOULD',
        '5',
        'All others end when one is established.',
        HAPPY,
        `${RACE}says nothing more to those that lost, whether they answer or not`,
        `${RACE}is still one when two answer at the same time`,
      ),
    ],
  },
  {
    name: 'RFC 9520',
    title: 'Negative Caching of DNS Resolution Failures',
    requirements: [
      met(
        'MUST',
        '3.1',
        'There is a bound to how often a server is asked the same.',
        QUESTION,
        `${RESOLVER}with one server is 1, 2, 4 and 4 seconds, 12 in all`,
      ),
      met(
        'MUST',
        '3.2',
        'Failures are kept, by question and server, for a second at least and 5 minutes at most, longer each time.',
        KEPT,
        `${RESOLVER}includes that a server fails, for 5 seconds at first and 5 minutes at last`,
      ),
      met(
        'MUST',
        '3.2',
        'There is a bound to what is kept.',
        KEPT,
        `${CACHE}1024 failures are remembered, the last ones`,
      ),
    ],
  },
];
