// Linux's end of a bulk transfer.
//
//   traffic send ADDRESS PORT MILLISECONDS CONGESTION   connects and sends for so long
//   traffic receive PORT MILLISECONDS                   takes one connection and reads for so long from its first byte
//
// Each prints "ready" when it can begin and one line of JSON at its end: for each tenth of a second the bytes so far
// and what TCP_INFO said. The byte at offset n of a stream is n modulo 251; what arrives is compared with that.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SAMPLE 100
#define MAX_SAMPLES 4096
#define PERIOD 251
#define CHUNK (PERIOD * 1024)
/** tcpi_total_rto, which kernels have since 6.7, and headers later: five numbers further. */
#define TOTAL_RTO (offsetof(struct tcp_info, tcpi_reord_seen) + 20)

typedef struct {
  double at;
  uint64_t bytes;
  uint32_t cwnd, ssthresh, rtt, unacked, lost, retransmits, sacked;
} Sample;

static Sample samples[MAX_SAMPLES];
static int sample_count;
/** From each of its first PERIOD places on, a chunk of the stream. */
static uint8_t pattern[CHUNK + PERIOD];
static uint8_t chunk[CHUNK];

static void fail(const char *what) {
  fprintf(stderr, "traffic: %s: %s\n", what, strerror(errno));
  exit(1);
}

static double clock_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static socklen_t read_address(const char *text, int port, struct sockaddr_storage *out) {
  memset(out, 0, sizeof *out);
  struct sockaddr_in *four = (struct sockaddr_in *)out;
  struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
  if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(port);
    return sizeof *four;
  }
  if (inet_pton(AF_INET6, text, &six->sin6_addr) != 1) fail(text);
  six->sin6_family = AF_INET6;
  six->sin6_port = htons(port);
  return sizeof *six;
}

static void take_sample(int fd, double at, uint64_t bytes) {
  if (sample_count == MAX_SAMPLES) return;
  struct tcp_info info;
  socklen_t length = sizeof info;
  memset(&info, 0, sizeof info);
  getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length);
  samples[sample_count++] =
      (Sample){at,           bytes,          info.tcpi_snd_cwnd,      info.tcpi_snd_ssthresh, info.tcpi_rtt,
               info.tcpi_unacked, info.tcpi_lost, info.tcpi_total_retrans, info.tcpi_sacked};
}

static void print_result(int fd, bool corrupt) {
  uint8_t raw[512] = {0};
  socklen_t length = sizeof raw;
  getsockopt(fd, IPPROTO_TCP, TCP_INFO, raw, &length);
  struct tcp_info *info = (struct tcp_info *)raw;
  uint16_t timeouts = 0;
  if (length >= TOTAL_RTO + 2) memcpy(&timeouts, raw + TOTAL_RTO, 2);
  char name[16] = "";
  length = sizeof name;
  getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length);
  printf("{\"congestion\":\"%s\",\"mss\":%u,\"corrupt\":%s,", name, info->tcpi_snd_mss, corrupt ? "true" : "false");
  printf("\"retransmits\":%u,\"timeouts\":%u,\"duplicates\":%u,\"samples\":[", info->tcpi_total_retrans, timeouts,
         info->tcpi_dsack_dups);
  for (int i = 0; i < sample_count; i++) {
    Sample *s = &samples[i];
    printf("%s[%.1f,%lu,%u,%u,%.2f,%u,%u,%u,%u]", i ? "," : "", s->at, s->bytes, s->cwnd, s->ssthresh, s->rtt / 1e3,
           s->unacked, s->lost, s->retransmits, s->sacked);
  }
  printf("]}\n");
  fflush(stdout);
}

static void send_bulk(const char *address, int port, double duration, const char *congestion) {
  struct sockaddr_storage to;
  socklen_t length = read_address(address, port, &to);
  int fd = socket(to.ss_family, SOCK_STREAM, 0);
  if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, strlen(congestion)) < 0) fail(congestion);
  printf("ready\n");
  fflush(stdout);
  if (connect(fd, (struct sockaddr *)&to, length) < 0) fail("connect");
  double begun = clock_ms(), now = begun, next = SAMPLE;
  uint64_t bytes = 0;
  while ((now = clock_ms()) < begun + duration) {
    struct pollfd poll_fd = {fd, POLLOUT, 0};
    double left = begun + next - now;
    if (left > 0 && poll(&poll_fd, 1, (int)left + 1) > 0) {
      ssize_t written = send(fd, pattern + bytes % PERIOD, CHUNK, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (written < 0 && errno != EAGAIN) break;
      if (written > 0) bytes += written;
    }
    if (clock_ms() - begun >= next) {
      take_sample(fd, clock_ms() - begun, bytes);
      next += SAMPLE;
    }
  }
  print_result(fd, false);
  // The end of the measurement is no part of it: nothing that waits is delivered.
  struct linger now_or_never = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now_or_never, sizeof now_or_never);
  close(fd);
}

static void receive_bulk(int port, double duration) {
  struct sockaddr_storage any;
  socklen_t length = read_address("::", port, &any);
  int yes = 1, listening = socket(AF_INET6, SOCK_STREAM, 0);
  setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(listening, (struct sockaddr *)&any, length) < 0 || listen(listening, 1) < 0) fail("listen");
  printf("ready\n");
  fflush(stdout);
  int fd = accept(listening, NULL, NULL);
  if (fd < 0) fail("accept");
  ssize_t got = recv(fd, chunk, sizeof chunk, 0);
  double begun = clock_ms(), next = SAMPLE;
  uint64_t bytes = 0;
  bool corrupt = false;
  while (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))) {
    if (got > 0) {
      corrupt |= memcmp(chunk, pattern + bytes % PERIOD, got) != 0;
      bytes += got;
    }
    double now = clock_ms() - begun;
    if (now >= next) {
      take_sample(fd, now, bytes);
      next += SAMPLE;
    }
    if (now >= duration) break;
    struct pollfd poll_fd = {fd, POLLIN, 0};
    poll(&poll_fd, 1, (int)(next - now) + 1);
    got = recv(fd, chunk, sizeof chunk, MSG_DONTWAIT);
  }
  take_sample(fd, clock_ms() - begun, bytes);
  print_result(fd, corrupt);
}

int main(int argc, char **argv) {
  for (int i = 0; i < CHUNK + PERIOD; i++) pattern[i] = i % PERIOD;
  if (argc == 6 && strcmp(argv[1], "send") == 0) send_bulk(argv[2], atoi(argv[3]), atof(argv[4]), argv[5]);
  else if (argc == 4 && strcmp(argv[1], "receive") == 0) receive_bulk(atoi(argv[2]), atof(argv[3]));
  else {
    fprintf(stderr, "traffic: wrong arguments\n");
    return 1;
  }
  return 0;
}
