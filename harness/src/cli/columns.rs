use std::ffi::OsString;
use std::iter;

use super::exit::Exit;
use super::output::complain;
use super::proxies::{PREFIX, proxies, proxy};
use super::subjects::{KERNEL, install_packages, lacking, manifest, manifests};
use crate::subject::agent::{Manifest, Packages, Placement};
use crate::subject::via::ProxyManifest;
use crate::vocabulary::Peer;

/// One of several runs: a column of the matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// What tells it from the others, for a person.
    pub(super) label: String,
    /// What stands on the command line of its run, and on that of no other.
    pub(super) arguments: Vec<OsString>,
    /// Why it cannot be run here, and the command that would change that.
    pub(super) missing: Option<String>,
}

impl Column {
    /// The name of the file of its recording, which is plain on every file system.
    pub(super) fn file(&self) -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let words = self.label.split(|c| !is_plain(c)).filter(|word| !word.is_empty());
        format!("{}.jsonl", words.collect::<Vec<_>>().join("-"))
    }

    fn kernel() -> Self {
        let arguments = vec!["--subject".into(), KERNEL.into()];
        Self { label: KERNEL.to_owned(), arguments, missing: None }
    }

    fn of(manifest: &Manifest, peer: Peer) -> Self {
        let missing = needed(&manifest.needs, &manifest.check, &manifest.packages);
        let words = ["--subject", &manifest.name, "--peer", peer.word()];
        let arguments = words.map(OsString::from).to_vec();
        Self { label: peer.label(&manifest.name), arguments, missing }
    }

    /// The kernel's sockets with a proxy between them.
    fn via(manifest: &ProxyManifest) -> Self {
        let arguments = vec!["--via".into(), manifest.name.clone().into()];
        let label = format!("{PREFIX}{}", manifest.name);
        let missing = needed(&manifest.needs, &manifest.check, &manifest.packages);
        Self { label, arguments, missing }
    }
}

/// What is not there of what a run needs, and the command that would bring it.
fn needed(needs: &[String], check: &[String], packages: &Packages) -> Option<String> {
    let missing = lacking(needs, check);
    (!missing.is_empty())
        .then(|| format!("needs {}: {}", missing.join(", "), install_packages(packages)))
}

/// Whatever there is, each subject alone and, where it has a network, with the kernel as its peer; or with
/// one peer, where one is asked for. The proxies come last.
pub(super) fn all(peer: Option<Peer>) -> Result<Vec<Column>, Exit> {
    let manifests = manifests()?;
    let columns = manifests.iter().flat_map(|manifest| {
        let peers = peer.map_or(vec![Peer::Own, Peer::Kernel], |peer| vec![peer]);
        let is_possible = |peer: &Peer| can_have(manifest.placement, *peer);
        let possible = peers.into_iter().filter(is_possible);
        possible.map(|peer| Column::of(manifest, peer)).collect::<Vec<_>>()
    });
    let proxies = proxies()?;
    let proxies = proxies.iter().map(Column::via);
    Ok(iter::once(Column::kernel()).chain(columns).chain(proxies).collect())
}

/// Those of these names, each once, with the peer that is asked for, else with the one that each has.
pub(super) fn named(names: &[String], peer: Option<Peer>) -> Result<Vec<Column>, Exit> {
    let mut columns: Vec<Column> = Vec::new();
    for name in names {
        let column = if name == KERNEL {
            Column::kernel()
        } else if let Some(via) = name.strip_prefix(PREFIX) {
            Column::via(&proxy(via)?)
        } else {
            let manifest = manifest(name)?;
            Column::of(&manifest, chosen_peer(&manifest, peer)?)
        };
        if columns.contains(&column) {
            complain(&format!("error: the subject `{name}` is named twice\n"));
            return Err(Exit::Usage);
        }
        columns.push(column);
    }
    Ok(columns)
}

/// The peer of a subject: the one that is asked for, if it can be reached; else the usual one.
pub(super) fn chosen_peer(manifest: &Manifest, asked: Option<Peer>) -> Result<Peer, Exit> {
    let Manifest { name, placement, .. } = manifest;
    match asked {
        Some(peer) if can_have(*placement, peer) => Ok(peer),
        Some(peer) => {
            complain(&format!(
                "error: {name} cannot have the peer `{}`: nobody outside reaches its sockets. Without \
                 `--peer` it plays all actors\n",
                peer.word()
            ));
            Err(Exit::Usage)
        }
        None if can_have(*placement, Peer::Kernel) => Ok(Peer::Kernel),
        None => Ok(Peer::Own),
    }
}

const fn can_have(placement: Placement, peer: Peer) -> bool {
    !matches!(placement, Placement::Sandbox) || matches!(peer, Peer::Own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_column_has_a_label_and_a_file_of_its_own() {
        let columns = all(None).expect("the manifests have no mistakes");
        let files: Vec<_> = columns.iter().map(Column::file).collect();
        for name in ["kernel", "gvisor", "node", "node-peer-kernel", "node-bun-half-open"] {
            assert!(files.contains(&format!("{name}.jsonl")), "{name} in {files:?}");
        }
        assert!(!files.contains(&"gvisor-peer-kernel.jsonl".to_owned()), "nobody reaches it");
        let mut distinct = files.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), files.len(), "{files:?}");
    }

    #[test]
    fn with_a_peer_there_are_only_those_that_can_have_it() {
        let columns = all(Some(Peer::Kernel)).expect("the manifests have no mistakes");
        let labels: Vec<_> = columns.iter().map(|column| column.label.as_str()).collect();
        assert_eq!(labels[0], "kernel");
        assert!(labels.contains(&"go (peer kernel)") && !labels.contains(&"go"), "{labels:?}");
    }
}
