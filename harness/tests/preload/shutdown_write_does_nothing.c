/* A machine whose shutdown(SHUT_WR) succeeds and does nothing. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/socket.h>

int shutdown(int descriptor, int how)
{
    static int (*real)(int, int);
    if (!real)
        real = (int (*)(int, int))dlsym(RTLD_NEXT, "shutdown");
    return how == SHUT_WR ? 0 : real(descriptor, how);
}
