use std::fs::File;
use std::process::Stdio;

use super::listening::is_on_network_of;
use super::manifest::ProxyManifest;
use super::proxy::{Launched, Proxy};
use super::route::Route;
use super::session::Shared;
use crate::subject::{AddressBook, Session, SubjectError};

/// Starts a gateway from the host of the actor that connects to that of the other one.
pub(super) fn join(
    session: &mut dyn Session,
    shared: &Shared,
    book: &AddressBook,
    route: Route,
) -> Result<Proxy, SubjectError> {
    let (from, to) = (book.host_of(route.from), book.host_of(route.to));
    let mut namespace = Err(std::io::ErrorKind::NotFound.into());
    session.alter_host(from, &mut || namespace = File::open("/proc/thread-self/ns/net"))?;
    let namespace = namespace
        .map_err(|source| SubjectError::Refused { what: "opening a network namespace", source })?;
    let mut words = shared.start.shared_words();
    // Its standard input, since it may not have the right to look at descriptors of this process.
    words.set("namespace", &"/proc/self/fd/0");
    words.set("device", &book.device(route.to, route.from).ok_or(SubjectError::NoLinks)?);
    words.set("gateway", &ProxyManifest::GATEWAY);
    let mut stdin = Some(Stdio::from(namespace));
    let mut launched = None;
    session.alter_host(to, &mut || {
        launched = stdin.take().map(|stdin| {
            Launched::start(&shared.start, shared.folder.as_ref(), words.clone(), stdin)
        });
    })?;
    let launched = launched.ok_or(SubjectError::NoLinks)??;
    let what = format!("lead to {}", ProxyManifest::GATEWAY);
    launched.await_ready(&what, shared.start.patience, &shared.abort, || {
        let mut is_ready = false;
        session.alter_host(from, &mut || is_ready = is_on_network_of(ProxyManifest::GATEWAY))?;
        Ok(is_ready)
    })
}
