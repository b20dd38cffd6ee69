/*
 * The first process of a user-mode Linux kernel, which performs native-c's agent as a subject of sockspec.
 *
 *     musl-gcc -static -O2 -Wall -Wextra -Werror -o root/init init.c
 *
 * subject.toml has the command line of the kernel. Its root is a folder of the host with this program,
 * the agent, and the empty folders dev, host and proc. The lines are
 *
 *     ttyS0      the kernel's standard output: what the agent answers
 *     ttyS1      the kernel's standard input: what relay.c passes on, and here acknowledges. It hangs up
 *                at the end of the input
 *     console    the kernel's standard error: what the agent says to people
 *
 * When the agent ends, the kernel ends with its exit code, or 128 and the number of the signal.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* What both relay.c and this file know. */
#define PIECE 65536 /* bytes, at most */
#define SHORT 2048  /* bytes, at most, of what passes through the line */

/* Where Debian's package has the modules of its kernel, on the host. */
#define MODULES "/usr/lib/uml/modules"

/* IPv6 and what it needs, in this order. */
static const char *const modules[] = {"lib/crc-ccitt", "net/ipv6/ipv6"};

/* Ends the kernel, whose exit code this is. */
static _Noreturn void end(int code)
{
    FILE *file = fopen("/proc/exitcode", "w");
    if (file) {
        fprintf(file, "%d", code);
        fclose(file);
    }
    reboot(RB_POWER_OFF);
    _exit(code);
}

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "init: %s: %s\n", what, strerror(errno));
    end(2);
}

static void mount_file_systems(void)
{
    if (mount("proc", "/proc", "proc", 0, NULL))
        die("/proc cannot be mounted");
    if (mount("none", "/host", "hostfs", MS_RDONLY, MODULES))
        die(MODULES " cannot be mounted");
}

static void load_modules(void)
{
    struct utsname system;
    uname(&system);
    for (size_t index = 0; index < sizeof modules / sizeof *modules; index++) {
        char path[300];
        snprintf(path, sizeof path, "/host/%s/kernel/%s.ko", system.release, modules[index]);
        int file = open(path, O_RDONLY | O_CLOEXEC);
        /* Another kernel than Debian's may have it built in. */
        if (file < 0 && errno == ENOENT)
            continue;
        if (file < 0 || syscall(SYS_finit_module, file, "", 0))
            die(path);
        close(file);
    }
}

/* Brings the loopback interface up, with 127.0.0.1/8 and ::1. */
static void raise_loopback(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int some = socket(AF_INET, SOCK_DGRAM, 0);
    if (some < 0 || ioctl(some, SIOCSIFFLAGS, &request))
        die("the loopback interface");
    close(some);
}

/* Opens a line, on which every byte passes as it is. */
static int open_line(const char *path, int flags)
{
    struct termios settings;
    int line = open(path, flags | O_NOCTTY | O_CLOEXEC);
    if (line < 0 || tcgetattr(line, &settings))
        die(path);
    cfmakeraw(&settings);
    if (tcsetattr(line, TCSANOW, &settings))
        die(path);
    return line;
}

/* Reads or writes all; false where that ends before. */
static bool read_all(int from, void *bytes, size_t length)
{
    for (size_t count = 0; count < length;) {
        ssize_t more = read(from, (char *)bytes + count, length - count);
        if (more <= 0)
            return false;
        count += (size_t)more;
    }
    return true;
}

static bool write_all(int to, const void *bytes, size_t length)
{
    for (size_t count = 0; count < length;) {
        ssize_t more = write(to, (const char *)bytes + count, length - count);
        if (more <= 0)
            return false;
        count += (size_t)more;
    }
    return true;
}

/* Passes on each piece that relay.c gives until the line hangs up. Nothing stays behind: what is
   acknowledged is in the pipe. */
static void feed(int line, int pipe)
{
    static _Alignas(4096) char piece[PIECE]; /* as O_DIRECT needs it, which the disk cache makes necessary */
    int disk = open("/dev/ubda", O_RDONLY | O_DIRECT | O_CLOEXEC);
    uint32_t length;
    if (disk < 0)
        die("/dev/ubda");
    while (read_all(line, &length, sizeof length) && length <= PIECE) {
        if (length <= SHORT ? !read_all(line, piece, length) : pread(disk, piece, PIECE, 0) != PIECE)
            return;
        if (!write_all(pipe, piece, length) || !write_all(line, "", 1))
            return;
    }
}

int main(void)
{
    int status;
    mount_file_systems();
    load_modules();
    raise_loopback();
    int input[2], line = open_line("/dev/ttyS1", O_RDWR);
    if (dup2(open_line("/dev/ttyS0", O_WRONLY), STDOUT_FILENO) < 0 ||
        dup2(open_line("/dev/console", O_WRONLY), STDERR_FILENO) < 0)
        die("dup2");
    if (pipe2(input, O_CLOEXEC))
        die("a pipe");
    pid_t feeder = fork();
    if (feeder == 0) {
        close(input[0]);
        feed(line, input[1]);
        _exit(0);
    }
    pid_t agent = fork();
    if (agent == 0) {
        if (dup2(input[0], STDIN_FILENO) < 0)
            die("dup2");
        execl("/agent", "/agent", "--name", "uml", "--no-thread", NULL);
        die("/agent");
    }
    close(input[0]);
    close(input[1]);
    if (feeder < 0 || agent < 0 || waitpid(agent, &status, 0) < 0)
        die("the agent");
    tcdrain(STDOUT_FILENO);
    end(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}
