use std::collections::HashSet;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::{Duration, Instant};

use netlink_packet_core::{NLM_F_DUMP, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::LinkAttribute;
use netlink_packet_route::nsid::{NsidAttribute, NsidMessage};
use nix::sched::{CloneFlags, setns, unshare};

use crate::raw_net::{Route, link, make_veth, namespace, query};

/// What is left of namespaces that were given up: by the process, and in the kernel, which takes
/// them down later, one after the other.
pub(crate) struct Leftovers {
    home: File,
    route: Route,
    watched: HashSet<i32>,
}

/// The first number that a watched namespace gets: the kernel counts from 0 when it gives some.
const FIRST: i32 = 1_000_000;

/// The number of the home end of a link that is made to be lost.
const CANARY: u32 = 900_000;

impl Leftovers {
    /// Of the namespaces made from the one that the calling thread is in.
    pub(crate) fn here() -> Self {
        Self { home: namespace(), route: Route::open(), watched: HashSet::new() }
    }

    /// Lets [`Leftovers::alive`] count a namespace, without keeping it alive.
    pub(crate) fn watch(&mut self, namespace: &File) {
        let number = FIRST + i32::try_from(self.watched.len()).expect("few are watched");
        let descriptor = u32::try_from(namespace.as_raw_fd()).expect("it is open");
        let mut message = NsidMessage::default();
        message.attributes = vec![NsidAttribute::Id(number), NsidAttribute::Fd(descriptor)];
        self.route.perform(&[(NLM_F_EXCL, RouteNetlinkMessage::NewNsId(message))]);
        self.watched.insert(number);
    }

    /// How many watched namespaces something still holds: a descriptor, a socket, a thread, no
    /// matter whose.
    pub(crate) fn alive(&mut self) -> usize {
        let question = RouteNetlinkMessage::GetNsId(NsidMessage::default());
        let answers = self.route.ask((NLM_F_DUMP, question)).expect("the kernel lists them");
        let numbers = answers.iter().flat_map(|answer| match answer {
            RouteNetlinkMessage::NewNsId(message) => message.attributes.as_slice(),
            _ => &[],
        });
        let watched = |attribute: &&NsidAttribute| match attribute {
            NsidAttribute::Id(number) => self.watched.contains(number),
            _ => false,
        };
        numbers.filter(watched).count()
    }

    /// Waits until the kernel has taken down all that was given up before, and tells how long that
    /// took.
    ///
    /// It takes namespaces down in the order in which they were given up, all that wait at a time,
    /// so what is gone when the second of two that are given up in turn goes is all that the first
    /// one met.
    pub(crate) fn wait(&mut self) -> Duration {
        let began = Instant::now();
        for _ in 0..2 {
            self.lose_canary();
            while self.route.ask((0, query(CANARY))).is_ok() {
                assert!(began.elapsed() < Duration::from_mins(1), "namespaces are not taken down");
                thread::sleep(Duration::from_micros(500));
            }
        }
        began.elapsed()
    }

    /// Makes a link into a namespace that nothing keeps.
    fn lose_canary(&mut self) {
        unshare(CloneFlags::CLONE_NEWNET).expect("a namespace");
        let lost = namespace();
        setns(&self.home, CloneFlags::CLONE_NEWNET).expect("the way home");
        let near = link(CANARY, vec![LinkAttribute::IfName("canary".into())]);
        let place = LinkAttribute::NetNsFd(lost.as_raw_fd());
        let far = link(CANARY, vec![LinkAttribute::IfName("canary".into()), place]);
        self.route.perform(&[make_veth(near, far)]);
    }
}

/// How many descriptors the process has open.
pub(crate) fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("a process sees its descriptors").count()
}
