use std::fmt::{self, Display};
use std::fs;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare as leave};
use nix::unistd::{Gid, Uid};

/// Why the process cannot have networks of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    reason: String,
    remedy: Option<&'static str>,
}

impl Refused {
    /// The command that would permit it, if there is one.
    pub fn remedy(&self) -> Option<&str> {
        self.remedy
    }

    /// What was refused within the new namespaces.
    pub(super) fn new(what: &str, cause: &dyn Display) -> Self {
        Self { reason: format!("{what}: {cause}"), remedy: Some(CONTAINER) }
    }
}

impl Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "network namespaces are refused: {}", self.reason)
    }
}

impl std::error::Error for Refused {}

const CONTAINER: &str = "docker run --cap-add SYS_ADMIN --cap-add NET_ADMIN \
    --security-opt seccomp=unconfined --security-opt apparmor=unconfined";

/// Moves the calling thread into a new network namespace, with a new user namespace around it if
/// it has no right to one otherwise.
pub(super) fn unshare() -> Result<(), Refused> {
    match leave(CloneFlags::CLONE_NEWNET) {
        Ok(()) => return Ok(()),
        Err(Errno::EPERM) => {}
        Err(errno) => return Err(refusal(errno, Obstacle::find(), threads())),
    }
    let obstacle = Obstacle::find();
    if obstacle == Some(Obstacle::AppArmor) {
        // There it would be granted, and then be worth nothing, with no way back.
        return Err(refusal(Errno::EPERM, obstacle, threads()));
    }
    let (user, group) = (Uid::effective(), Gid::effective());
    leave(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)
        .map_err(|errno| refusal(errno, obstacle, threads()))?;
    // The same numbers inside and outside, so that files can be written as before.
    for (path, text) in [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("{user} {user} 1")),
        ("/proc/self/gid_map", format!("{group} {group} 1")),
    ] {
        fs::write(path, text).map_err(|error| Refused::new(path, &error))?;
    }
    Ok(())
}

/// A setting of the machine that stands in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Obstacle {
    /// Ordinary users have no rights in the user namespaces that they make (Ubuntu 23.10 and
    /// later).
    AppArmor,
    /// Ordinary users may not make user namespaces (Debian 10 and earlier).
    SwitchedOff,
    /// Nobody may make user namespaces.
    NoUsers,
    /// Nobody may make network namespaces.
    NoNetworks,
}

impl Obstacle {
    const ALL: [Self; 4] = [Self::AppArmor, Self::SwitchedOff, Self::NoUsers, Self::NoNetworks];

    /// The first that is there.
    fn find() -> Option<Self> {
        Self::ALL.into_iter().find(|obstacle| {
            let (path, value) = obstacle.setting();
            fs::read_to_string(path).is_ok_and(|text| text.trim() == value)
        })
    }

    /// The file that stands for the setting, and the value that is in the way.
    const fn setting(self) -> (&'static str, &'static str) {
        match self {
            Self::AppArmor => ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"),
            Self::SwitchedOff => ("/proc/sys/kernel/unprivileged_userns_clone", "0"),
            Self::NoUsers => ("/proc/sys/user/max_user_namespaces", "0"),
            Self::NoNetworks => ("/proc/sys/user/max_net_namespaces", "0"),
        }
    }

    const fn remedy(self) -> &'static str {
        match self {
            Self::AppArmor => "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
            Self::SwitchedOff => "sudo sysctl -w kernel.unprivileged_userns_clone=1",
            Self::NoUsers => "sudo sysctl -w user.max_user_namespaces=15000",
            Self::NoNetworks => "sudo sysctl -w user.max_net_namespaces=15000",
        }
    }
}

fn refusal(errno: Errno, obstacle: Option<Obstacle>, threads: usize) -> Refused {
    let reason = format!("unshare: {errno:?}");
    if errno == Errno::EINVAL && threads > 1 {
        let reason = format!("{reason}, as the process has {threads} threads already");
        return Refused { reason, remedy: None };
    }
    Refused { reason, remedy: Some(obstacle.map_or(CONTAINER, Obstacle::remedy)) }
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_obstacle_has_the_remedy_that_changes_its_setting() {
        for obstacle in Obstacle::ALL {
            let refused = refusal(Errno::EPERM, Some(obstacle), 1);
            let (path, value) = obstacle.setting();
            let name = path.trim_start_matches("/proc/sys/").replace('/', ".");
            let remedy = refused.remedy().expect("there is one");
            let (command, other) = remedy.split_once('=').expect("it sets something");
            assert_eq!(command, format!("sudo sysctl -w {name}"));
            assert_ne!(other, value);
        }
        assert_eq!(refusal(Errno::EPERM, None, 1).remedy(), Some(CONTAINER));
    }

    #[test]
    fn a_process_that_has_threads_is_told_so() {
        let refused = refusal(Errno::EINVAL, None, 3);
        assert_eq!(
            refused.to_string(),
            "network namespaces are refused: unshare: EINVAL, as the process has 3 threads already"
        );
        assert_eq!(refused.remedy(), None);
    }
}
