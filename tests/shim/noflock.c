/* librunnel-noflock.so - preloaded by tests: locks that everybody gets, as on some file systems of
 * clusters. What is correct must not need them. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/file.h>

int flock(int fd, int operation)
{
    (void)operation;
    return fcntl(fd, F_GETFD) < 0 ? -1 : 0;
}

static int locks(int command)
{
    return command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK ||
           command == F_OFD_SETLKW;
}

int fcntl64(int fd, int command, ...)
{
    static int (*real)(int, int, ...);
    va_list ap;
    va_start(ap, command);
    void *arg = va_arg(ap, void *);
    va_end(ap);
    if (locks(command))
        return 0;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "fcntl64");
    return real(fd, command, arg);
}

int fcntl(int fd, int command, ...)
{
    va_list ap;
    va_start(ap, command);
    void *arg = va_arg(ap, void *);
    va_end(ap);
    return fcntl64(fd, command, arg);
}
