/* A machine that says it sent a broadcast and did not; it does check the permission. */
#include "broadcast.h"

ssize_t sendto(int descriptor, const void *data, size_t length, int flags,
               const struct sockaddr *to, socklen_t size)
{
    int permitted = 0;
    socklen_t room = sizeof permitted;
    if (is_broadcast(to) && getsockopt(descriptor, SOL_SOCKET, SO_BROADCAST, &permitted, &room) == 0
        && permitted)
        return length;
    return real_sendto()(descriptor, data, length, flags, to, size);
}
