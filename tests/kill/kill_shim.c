// Kills the process at the n-th of its calls that change a job's files or send a request that may cost money.
// Preloaded (LD_PRELOAD) by tests/cli/test_kill_everywhere.py; nothing in shipped code knows of it.
//
//   WEIR_KILL_BELOW  counted are files whose path begins so
//   WEIR_KILL_ONLY   of the counted calls, only those whose "name path" contains this
//   WEIR_KILL_FROM   counting begins with the first call whose "name path" contains this
//   WEIR_KILL_AT     n, from 1; 0 counts and never kills
//   WEIR_KILL_WHEN   before | half | after: half performs the first half of a write or send
//   WEIR_KILL_LOG    a file that gets one line "name path" a counted call
//
// Stores to mapped memory cannot be caught; msync is. Requests count by POST and DELETE, each piece that is sent.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { kBefore, kHalf, kAfter };
enum { kDescriptorsMax = 4096 };

static atomic_long counted;
static atomic_int begun;
static _Thread_local int inside;  // what the shim itself calls does not count
static atomic_char
    sending[kDescriptorsMax];  // the last request on this socket began with POST or DELETE

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static const char* setting(const char* name) {
  const char* value = getenv(name);
  return value ? value : "";
}

static void log_call(const char* line) {
  const char* path = setting("WEIR_KILL_LOG");
  if (!*path) return;
  const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return;
  if (write(fd, line, strlen(line)) < 0) abort();
  close(fd);
}

// Whether this call is the one: 0 no, else 1 + when.
static int is_the_one(const char* name, const char* path) {
  const char* only = setting("WEIR_KILL_ONLY");
  char line[PATH_MAX + 64];
  snprintf(line, sizeof line, "%s %s\n", name, path);
  if (!atomic_load(&begun) && !strstr(line, setting("WEIR_KILL_FROM"))) return 0;
  atomic_store(&begun, 1);
  if (*only && !strstr(line, only)) return 0;
  const long number = atomic_fetch_add(&counted, 1) + 1;
  log_call(line);
  if (number != atol(setting("WEIR_KILL_AT"))) return 0;
  const char* when = setting("WEIR_KILL_WHEN");
  return 1 + (!strcmp(when, "half") ? kHalf : !strcmp(when, "after") ? kAfter : kBefore);
}

static int below(const char* path) {
  const char* root = setting("WEIR_KILL_BELOW");
  return *root && !strncmp(path, root, strlen(root));
}

static int at_path(const char* name, const char* path) {
  return below(path) ? is_the_one(name, path) : 0;
}

static int at_file(const char* name, int fd) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return at_path(name, path);
}

static int at_socket(const char* name, int fd, const void* bytes, size_t count) {
  if (fd < 0 || fd >= kDescriptorsMax || !*setting("WEIR_KILL_BELOW")) return 0;
  if (count >= 5 && !memcmp(bytes, "GET /", 5)) atomic_store(&sending[fd], 0);
  if ((count >= 6 && !memcmp(bytes, "POST /", 6)) || (count >= 8 && !memcmp(bytes, "DELETE /", 8)))
    atomic_store(&sending[fd], 1);
  return atomic_load(&sending[fd]) ? is_the_one(name, "request") : 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

// Performs `call` around the question `asked`; a `half` that is not possible is done before.
#define AROUND(type, asked, call, half) \
  do {                                  \
    if (inside) return (call);          \
    inside = 1;                         \
    const int one = (asked);            \
    if (one == 1 + kBefore) die();      \
    if (one == 1 + kHalf) {             \
      (void)(half);                     \
      die();                            \
    }                                   \
    const type result = (call);         \
    if (one == 1 + kAfter) die();       \
    inside = 0;                         \
    return result;                      \
  } while (0)

int fsync(int fd) { AROUND(int, at_file("fsync", fd), REAL(fsync)(fd), 0); }
int fdatasync(int fd) { AROUND(int, at_file("fdatasync", fd), REAL(fdatasync)(fd), 0); }
int msync(void* at, size_t bytes, int flags) {
  AROUND(int, is_the_one("msync", "mapped"), REAL(msync)(at, bytes, flags), 0);
}
int ftruncate(int fd, off_t size) {
  AROUND(int, at_file("ftruncate", fd), REAL(ftruncate)(fd, size), 0);
}
int ftruncate64(int fd, off64_t size) {
  AROUND(int, at_file("ftruncate", fd), REAL(ftruncate64)(fd, size), 0);
}
int posix_fallocate(int fd, off_t from, off_t bytes) {
  AROUND(int, at_file("fallocate", fd), REAL(posix_fallocate)(fd, from, bytes), 0);
}
int mkdir(const char* path, mode_t mode) {
  AROUND(int, at_path("mkdir", path), REAL(mkdir)(path, mode), 0);
}
int unlink(const char* path) { AROUND(int, at_path("unlink", path), REAL(unlink)(path), 0); }
int rename(const char* from, const char* to) {
  AROUND(int, at_path("rename", to), REAL(rename)(from, to), 0);
}
ssize_t write(int fd, const void* bytes, size_t count) {
  AROUND(ssize_t, at_file("write", fd), REAL(write)(fd, bytes, count),
         REAL(write)(fd, bytes, count / 2));
}
ssize_t pwrite(int fd, const void* bytes, size_t count, off_t at) {
  AROUND(ssize_t, at_file("pwrite", fd), REAL(pwrite)(fd, bytes, count, at),
         REAL(pwrite)(fd, bytes, count / 2, at));
}
ssize_t pwrite64(int fd, const void* bytes, size_t count, off64_t at) {
  AROUND(ssize_t, at_file("pwrite", fd), REAL(pwrite64)(fd, bytes, count, at),
         REAL(pwrite64)(fd, bytes, count / 2, at));
}
ssize_t send(int fd, const void* bytes, size_t count, int flags) {
  AROUND(ssize_t, at_socket("send", fd, bytes, count), REAL(send)(fd, bytes, count, flags),
         REAL(send)(fd, bytes, count / 2, flags));
}
ssize_t sendmsg(int fd, const struct msghdr* message, int flags) {
  const struct iovec* first = message->msg_iovlen > 0 ? message->msg_iov : NULL;
  AROUND(ssize_t, at_socket("send", fd, first ? first->iov_base : NULL, first ? first->iov_len : 0),
         REAL(sendmsg)(fd, message, flags),
         first ? REAL(send)(fd, first->iov_base, first->iov_len / 2, flags) : 0);
}
