/* A machine that lets everybody send broadcasts, SO_BROADCAST or not. */
#include "broadcast.h"

ssize_t sendto(int descriptor, const void *data, size_t length, int flags,
               const struct sockaddr *to, socklen_t size)
{
    int permitted = 1, on = 1;
    socklen_t room = sizeof permitted;
    if (is_broadcast(to)) {
        getsockopt(descriptor, SOL_SOCKET, SO_BROADCAST, &permitted, &room);
        setsockopt(descriptor, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
    }
    ssize_t sent = real_sendto()(descriptor, data, length, flags, to, size);
    int reason = errno;
    if (is_broadcast(to))
        setsockopt(descriptor, SOL_SOCKET, SO_BROADCAST, &permitted, sizeof permitted);
    errno = reason;
    return sent;
}
