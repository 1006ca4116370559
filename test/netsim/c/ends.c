#define _GNU_SOURCE
#include "ends.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/** Per call of end_read, so that a busy end does not keep the others waiting. */
#define BATCH 64
#define IN_ROOM (1 << 18)
/** A host that is so far behind is not measured any more. */
#define OUT_ROOM (1 << 24)

static void fail(const char *what, const char *which) {
  fprintf(stderr, "impair: %s %s: %s\n", what, which, strerror(errno));
  exit(1);
}

static int open_tun(const char *namespace, const char *device) {
  char path[256];
  int home = open("/proc/self/ns/net", O_RDONLY);
  snprintf(path, sizeof path, "/run/netns/%s", namespace);
  int there = open(path, O_RDONLY);
  if (there < 0 || setns(there, CLONE_NEWNET) < 0) fail("cannot enter the namespace", namespace);
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  snprintf(request.ifr_name, IFNAMSIZ, "%s", device);
  if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0) fail("cannot make the TUN device", device);
  if (setns(home, CLONE_NEWNET) < 0) fail("cannot leave the namespace", namespace);
  close(home);
  close(there);
  return fd;
}

static int open_socket(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) fail("too long:", path);
  strcpy(address.sun_path, path);
  unlink(path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1) < 0)
    fail("cannot listen on", path);
  return fd;
}

void end_open(End *end, const char *text, int side) {
  memset(end, 0, sizeof *end);
  end->side = side;
  end->fd = end->listening = -1;
  char copy[512];
  snprintf(copy, sizeof copy, "%s", text);
  char *place = strtok(copy, ",");
  for (char *word; (word = strtok(NULL, ",")) && end->address_count < MAX_ADDRESSES; end->address_count++) {
    bool six = strchr(word, ':') != NULL;
    end->addresses[end->address_count].length = six ? 16 : 4;
    if (inet_pton(six ? AF_INET6 : AF_INET, word, end->addresses[end->address_count].bytes) != 1)
      fail("not an address:", word);
  }
  if (strncmp(place, "unix:", 5) == 0) {
    end->listening = open_socket(place + 5);
    end->in = malloc(IN_ROOM);
    end->out = malloc(OUT_ROOM);
    return;
  }
  char *device = strncmp(place, "tun:", 4) == 0 ? strchr(place + 4, ':') : NULL;
  if (!device) fail("neither tun: nor unix:", text);
  *device++ = 0;
  end->is_tun = true;
  end->fd = open_tun(place + 4, device);
}

static void record(End *end, const uint8_t *packet, uint32_t length) {
  if (!end->pcap) return;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  uint32_t header[4] = {now.tv_sec, now.tv_nsec, length, length};
  fwrite(header, sizeof header, 1, end->pcap);
  fwrite(packet, length, 1, end->pcap);
}

void end_capture(End *end, const char *path) {
  end->pcap = fopen(path, "w");
  if (!end->pcap) fail("cannot write", path);
  // Times in nanoseconds; raw IP.
  uint32_t header[6] = {0xa1b23c4d, 2 | 4 << 16, 0, 0, MAX_PACKET, 101};
  fwrite(header, sizeof header, 1, end->pcap);
}

static bool read_tun(End *end, void (*take)(End *, const uint8_t *, uint32_t)) {
  static uint8_t packet[MAX_PACKET];
  for (int i = 0; i < BATCH; i++) {
    ssize_t length = read(end->fd, packet, sizeof packet);
    if (length <= 0) return true;
    record(end, packet, length);
    take(end, packet, length);
  }
  return true;
}

static void hang_up(End *end) {
  close(end->fd);
  end->fd = -1;
  end->in_length = end->out_start = end->out_length = 0;
}

static bool read_socket(End *end, void (*take)(End *, const uint8_t *, uint32_t)) {
  ssize_t got = read(end->fd, end->in + end->in_length, IN_ROOM - end->in_length);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (got <= 0) {
    hang_up(end);
    return false;
  }
  end->in_length += got;
  uint32_t at = 0;
  while (end->in_length - at >= 2) {
    uint32_t length = end->in[at] << 8 | end->in[at + 1];
    if (end->in_length - at - 2 < length) break;
    record(end, end->in + at + 2, length);
    take(end, end->in + at + 2, length);
    at += 2 + length;
  }
  end->in_length -= at;
  memmove(end->in, end->in + at, end->in_length);
  return true;
}

bool end_read(End *end, void (*take)(End *, const uint8_t *, uint32_t)) {
  return end->is_tun ? read_tun(end, take) : read_socket(end, take);
}

void end_deliver(End *end, const uint8_t *packet, uint32_t length) {
  bool taken;
  if (end->is_tun) {
    taken = write(end->fd, packet, length) == (ssize_t)length;
  } else {
    if (end->fd < 0) return;
    taken = end->out_length + 2 + length <= OUT_ROOM;
    if (taken) {
      if (end->out_start + end->out_length + 2 + length > OUT_ROOM) {
        memmove(end->out, end->out + end->out_start, end->out_length);
        end->out_start = 0;
      }
      uint8_t *at = end->out + end->out_start + end->out_length;
      at[0] = length >> 8;
      at[1] = length;
      memcpy(at + 2, packet, length);
      end->out_length += 2 + length;
    }
  }
  if (taken) record(end, packet, length);
  else end->refused++;
}

void end_flush(End *end) {
  if (end->out_length == 0 || end->fd < 0) return;
  ssize_t written = send(end->fd, end->out + end->out_start, end->out_length, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (written < 0) {
    if (errno != EAGAIN && errno != EINTR) hang_up(end);
    return;
  }
  end->out_length -= written;
  end->out_start = end->out_length > 0 ? end->out_start + written : 0;
}

void end_accept(End *end) {
  int fd = accept4(end->listening, NULL, NULL, SOCK_NONBLOCK);
  if (fd < 0) return;
  int room = 1 << 20;
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  end->fd = fd;
}

bool end_has_address(const End *end, const uint8_t *packet) {
  int length = packet[0] >> 4 == 4 ? 4 : 16;
  const uint8_t *destination = packet + (length == 4 ? 16 : 24);
  for (int i = 0; i < end->address_count; i++)
    if (end->addresses[i].length == length && memcmp(end->addresses[i].bytes, destination, length) == 0)
      return true;
  return false;
}
