/* A machine whose SO_RCVTIMEO fires at three quarters of its time. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/socket.h>
#include <sys/time.h>

int setsockopt(int descriptor, int level, int name, const void *value, socklen_t length)
{
    static int (*real)(int, int, int, const void *, socklen_t);
    if (!real)
        real = (int (*)(int, int, int, const void *, socklen_t))dlsym(RTLD_NEXT, "setsockopt");
    if (level != SOL_SOCKET || name != SO_RCVTIMEO || length != sizeof(struct timeval))
        return real(descriptor, level, name, value, length);
    const struct timeval *asked = value;
    long long micros = (asked->tv_sec * 1000000LL + asked->tv_usec) * 3 / 4;
    /* Zero would mean no limit at all, which is another fault. */
    if (micros == 0 && (asked->tv_sec || asked->tv_usec))
        micros = 1;
    struct timeval early = {.tv_sec = micros / 1000000, .tv_usec = micros % 1000000};
    return real(descriptor, level, name, &early, sizeof early);
}
