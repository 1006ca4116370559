// A WireGuard peer by its outer form, without crypto, that costs as little as it can: `peer`. Binds a UDP port of loopback
// and prints "port N"; at SIGUSR1, how many datagrams came and left, as JSON. Answers an initiation with a response. A data
// message says in its byte 16 what it wants:
//   0  nothing but to be counted; each 128th is answered with a keepalive, so that a relay sees a living peer
//   1  as many datagrams of 1452 bytes as the word at 20 says; each has its number at 20
//   2  to come back as it is
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 64, ROOM = 2048, INITIATION = 148, RESPONSE = 92, KEEPALIVE = 32, LARGE = 1452 };

static uint8_t in[BATCH][ROOM], out[BATCH][ROOM];
static struct iovec in_parts[BATCH], out_parts[BATCH];
static struct mmsghdr in_messages[BATCH], out_messages[BATCH];
static struct sockaddr_in sources[BATCH], client;
static uint32_t client_index, number;
static uint64_t received, sent;
static volatile sig_atomic_t asked;
static int udp;

static void ask(int signal_number) {
  (void)signal_number;
  asked = 1;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void put32(uint8_t *at, uint32_t value) {
  for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get32(const uint8_t *at) {
  return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void send_some(unsigned count) {
  for (unsigned done = 0; done < count;) {
    int n = sendmmsg(udp, out_messages + done, count - done, 0);
    if (n < 0 && errno != EINTR && errno != ECONNREFUSED) fail("sendmmsg");
    if (n > 0) done += (unsigned)n;
  }
  sent += count;
}

static void send_one(size_t length) {
  out_parts[0].iov_len = length;
  send_some(1);
}

static void send_many(uint32_t count, size_t length) {
  while (count > 0) {
    unsigned n = count < BATCH ? count : BATCH;
    for (unsigned i = 0; i < n; i++) {
      put32(out[i], 4);
      put32(out[i] + 4, client_index);
      put32(out[i] + 20, number++);
      out_parts[i].iov_len = length;
    }
    send_some(n);
    count -= n;
  }
}

static void take(const uint8_t *bytes, size_t length, const struct sockaddr_in *from) {
  // Of many clients with one index, whoever asks is answered.
  client = *from;
  if (bytes[0] == 1 && length == INITIATION) {
    client_index = get32(bytes + 4);
    memset(out[0], 0x22, RESPONSE);
    put32(out[0], 2);
    put32(out[0] + 4, 0x00e00001);
    put32(out[0] + 8, client_index);
    send_one(RESPONSE);
    return;
  }
  if (bytes[0] != 4 || length < KEEPALIVE) return;
  if (++received % 128 == 0) {
    put32(out[0], 4);
    put32(out[0] + 4, client_index);
    send_one(KEEPALIVE);
  }
  if (bytes[16] == 1) send_many(get32(bytes + 20), LARGE);
  if (bytes[16] == 2) {
    memcpy(out[0], bytes, length);
    put32(out[0] + 4, client_index);
    send_one(length);
  }
}

int main(void) {
  struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof own;
  int buffer = 8 << 20;
  udp = socket(AF_INET, SOCK_DGRAM, 0);
  if (udp < 0 || bind(udp, (struct sockaddr *)&own, sizeof own) < 0) fail("bind");
  if (setsockopt(udp, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) < 0)
    setsockopt(udp, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  getsockname(udp, (struct sockaddr *)&own, &size);
  for (int i = 0; i < BATCH; i++) {
    in_parts[i] = (struct iovec){in[i], ROOM};
    out_parts[i] = (struct iovec){out[i], ROOM};
    memset(out[i], 0x44, ROOM);
    in_messages[i].msg_hdr = (struct msghdr){.msg_name = &sources[i], .msg_iov = &in_parts[i], .msg_iovlen = 1};
    out_messages[i].msg_hdr = (struct msghdr){
        .msg_name = &client, .msg_namelen = sizeof client, .msg_iov = &out_parts[i], .msg_iovlen = 1};
  }
  struct sigaction action = {.sa_handler = ask};
  sigaction(SIGUSR1, &action, NULL);
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("port %u\n", ntohs(own.sin_port));
  for (;;) {
    for (int i = 0; i < BATCH; i++) in_messages[i].msg_hdr.msg_namelen = sizeof sources[i];
    int n = recvmmsg(udp, in_messages, BATCH, MSG_WAITFORONE, NULL);
    if (n < 0 && errno != EINTR && errno != ECONNREFUSED) fail("recvmmsg");
    if (asked) {
      asked = 0;
      printf("{\"received\":%llu,\"sent\":%llu}\n", (unsigned long long)received, (unsigned long long)sent);
    }
    for (int i = 0; i < n; i++) take(in[i], in_messages[i].msg_len, &sources[i]);
  }
}
