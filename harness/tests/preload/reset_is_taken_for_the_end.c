/* A machine that reports a reset as the end of the stream. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>

ssize_t recv(int descriptor, void *buffer, size_t length, int flags)
{
    static ssize_t (*real)(int, void *, size_t, int);
    if (!real)
        real = (ssize_t(*)(int, void *, size_t, int))dlsym(RTLD_NEXT, "recv");
    ssize_t received = real(descriptor, buffer, length, flags);
    return received < 0 && errno == ECONNRESET ? 0 : received;
}
