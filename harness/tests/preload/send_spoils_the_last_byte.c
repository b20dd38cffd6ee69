/* A machine that gets the last byte of a send wrong: not of a single byte, nor of much at once. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <sys/socket.h>

#define MUCH 1000

ssize_t send(int descriptor, const void *data, size_t length, int flags)
{
    static ssize_t (*real)(int, const void *, size_t, int);
    if (!real)
        real = (ssize_t(*)(int, const void *, size_t, int))dlsym(RTLD_NEXT, "send");
    char wrong[MUCH];
    if (length < 2 || length > MUCH)
        return real(descriptor, data, length, flags);
    memcpy(wrong, data, length);
    wrong[length - 1] ^= 1;
    return real(descriptor, wrong, length, flags);
}
