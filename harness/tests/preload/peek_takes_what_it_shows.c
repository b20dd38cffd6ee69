/* A machine that does not know MSG_PEEK: what is looked at is gone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/socket.h>

ssize_t recv(int descriptor, void *buffer, size_t length, int flags)
{
    static ssize_t (*real)(int, void *, size_t, int);
    if (!real)
        real = (ssize_t(*)(int, void *, size_t, int))dlsym(RTLD_NEXT, "recv");
    return real(descriptor, buffer, length, flags & ~MSG_PEEK);
}
