/* A disk that fails when told to: loaded before the C library, so that Python, SQLite and every other library meet it.

   disk_arm(root, at, error, mode) lets the operation number `at` (from 0) under `root` fail with `error`;
   mode 0: that one alone; 1: that one and all after it; 2: as 1, but a write brings half of its bytes to disk first.
   disk_count() returns how many operations there were since, disk_hit() the name and path of the one that failed.
   Counted is whatever changes the disk: open to create, write, truncate, sync, rename, mkdir, unlink, rmdir, times. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define HANDLES 4096
static char root[4096];
static char names[HANDLES][512]; /* of the files under root that are open */
static char hit[1024];
static long at = -1, count = 0;
static int error_number = 0, mode = 0;

void disk_arm(const char *folder, long number, int error, int how) {
    snprintf(root, sizeof root, "%s", folder);
    at = number, error_number = error, mode = how, count = 0, hit[0] = 0;
}
long disk_count(void) { return count; }
const char *disk_hit(void) { return hit; }

static int below(const char *path) { return root[0] && path && !strncmp(path, root, strlen(root)); }

/* Returns whether an operation on a path fails now. */
static int fails(const char *operation, const char *path) {
    long number = count++;
    if (at < 0 || number < at || (number > at && mode == 0)) return 0;
    if (number == at) snprintf(hit, sizeof hit, "%s %s", operation, path);
    errno = error_number;
    return 1;
}
static const char *name_of(int handle) {
    return root[0] && handle >= 0 && handle < HANDLES && names[handle][0] ? names[handle] : NULL;
}
static const char *joined(int folder, const char *path, char *into, size_t size) {
    if (path[0] == '/' || folder == AT_FDCWD || !name_of(folder)) return path;
    snprintf(into, size, "%s/%s", name_of(folder), path);
    return into;
}
static int remembered(int handle, const char *path) {
    if (handle >= 0 && handle < HANDLES) snprintf(names[handle], sizeof names[handle], "%s", below(path) ? path : "");
    return handle;
}
#define REAL(result, name, ...)                                            \
    static result (*real)(__VA_ARGS__);                                    \
    if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

#define OPEN(function)                                                     \
    int function(const char *path, int flags, ...) {                       \
        REAL(int, #function, const char *, int, ...);                      \
        va_list rest;                                                      \
        va_start(rest, flags);                                             \
        mode_t rights = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                                      \
        if (below(path) && flags & O_CREAT && fails("open", path)) return -1; \
        return remembered(real(path, flags, rights), path);                \
    }
OPEN(open)
OPEN(open64)
#define OPENAT(function)                                                   \
    int function(int folder, const char *path, int flags, ...) {           \
        REAL(int, #function, int, const char *, int, ...);                 \
        va_list rest;                                                      \
        va_start(rest, flags);                                             \
        mode_t rights = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                                      \
        char whole[1024];                                                  \
        const char *named = joined(folder, path, whole, sizeof whole);     \
        if (below(named) && flags & O_CREAT && fails("open", named)) return -1; \
        return remembered(real(folder, path, flags, rights), named);       \
    }
OPENAT(openat)
OPENAT(openat64)

int close(int handle) {
    REAL(int, "close", int);
    if (handle >= 0 && handle < HANDLES) names[handle][0] = 0;
    return real(handle);
}
ssize_t write(int handle, const void *data, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    const char *name = name_of(handle);
    if (!name || !fails("write", name)) return real(handle, data, size);
    return mode == 2 && size > 1 && count == at + 1 ? real(handle, data, size / 2) : -1;
}
#define PWRITE(function, offset)                                           \
    ssize_t function(int handle, const void *data, size_t size, offset place) { \
        REAL(ssize_t, #function, int, const void *, size_t, offset);       \
        const char *name = name_of(handle);                                \
        if (!name || !fails("write", name)) return real(handle, data, size, place); \
        return mode == 2 && size > 1 && count == at + 1 ? real(handle, data, size / 2, place) : -1; \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)
#define ON_HANDLE(function)                                                \
    int function(int handle) {                                             \
        REAL(int, #function, int);                                         \
        const char *name = name_of(handle);                                \
        return name && fails("sync", name) ? -1 : real(handle);            \
    }
ON_HANDLE(fsync)
ON_HANDLE(fdatasync)
#define TRUNCATE(function, offset)                                         \
    int function(int handle, offset size) {                                \
        REAL(int, #function, int, offset);                                 \
        const char *name = name_of(handle);                                \
        return name && fails("truncate", name) ? -1 : real(handle, size);  \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)
int rename(const char *from, const char *to) {
    REAL(int, "rename", const char *, const char *);
    return below(to) && fails("rename", to) ? -1 : real(from, to);
}
int mkdir(const char *path, mode_t rights) {
    REAL(int, "mkdir", const char *, mode_t);
    return below(path) && fails("mkdir", path) ? -1 : real(path, rights);
}
#define REMOVE(function)                                                   \
    int function(const char *path) {                                       \
        REAL(int, #function, const char *);                                \
        return below(path) && fails("remove", path) ? -1 : real(path);     \
    }
REMOVE(unlink)
REMOVE(rmdir)
int unlinkat(int folder, const char *path, int flags) {
    REAL(int, "unlinkat", int, const char *, int);
    char whole[1024];
    const char *named = joined(folder, path, whole, sizeof whole);
    return below(named) && fails("remove", named) ? -1 : real(folder, path, flags);
}
int utimensat(int folder, const char *path, const struct timespec times[2], int flags) {
    REAL(int, "utimensat", int, const char *, const struct timespec *, int);
    return below(path) && fails("times", path) ? -1 : real(folder, path, times, flags);
}
