use std::env;
use std::ffi::OsString;
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::columns::{self, Column, usual_peer};
use super::exit::Exit;
use super::output::complain;
use super::run::time;
use super::subjects::{KERNEL, manifest, prepared};
use crate::subject::Subject;
use crate::subject::agent::{AgentSubject, Placement, Start};
use crate::subject::kernel::KernelSubject;
use crate::vocabulary::Peer;

/// Which sockets are tested.
#[derive(Debug, Args)]
pub(super) struct SubjectChoice {
    /// The subject to test, as `sockspec subjects` lists them, or several of them, each in a run of its
    /// own; or the agent that a command behind `--` starts.
    #[arg(
        long,
        value_name = "NAME",
        num_args = 0..=1,
        value_delimiter = ',',
        default_value = KERNEL,
        default_missing_value = AGENT
    )]
    subject: Vec<String>,

    /// Test every subject that can be run here: alone, and where it has a network with the kernel as its
    /// peer, too.
    #[arg(long, conflicts_with_all = ["subject", "command"])]
    all_subjects: bool,

    /// Who plays the actors that are not the subject's [default: kernel where a named subject has a
    /// network, else self].
    #[arg(long, value_parser = peers(), value_name = "WHO")]
    peer: Option<Peer>,

    /// How long an agent may take until it says what it is.
    #[arg(long, value_parser = time, value_name = "TIME")]
    start_time: Option<Duration>,

    /// An agent: a program that performs operations on its own sockets, and its arguments.
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

const AGENT: &str = "agent";

impl SubjectChoice {
    /// The runs that are asked for, where it is more than one.
    pub(super) fn several(&self) -> Result<Option<Vec<Column>>, Exit> {
        if self.all_subjects {
            return columns::all(self.peer).map(Some);
        }
        match &self.subject[..] {
            [] | [_] => Ok(None),
            _ if !self.command.is_empty() => {
                complain("error: a command behind `--` is one subject; give it no other name\n");
                Err(Exit::Usage)
            }
            names => columns::named(names, self.peer).map(Some),
        }
    }

    /// Whether a subject that cannot be run here is passed over.
    pub(super) const fn is_lenient(&self) -> bool {
        self.all_subjects
    }

    /// The subject, with network namespaces where they are wanted.
    ///
    /// This comes before the process has other threads.
    pub(super) fn open(&self, with_networks: bool) -> Result<Box<dyn Subject>, Exit> {
        let kernel = KernelSubject::new().map_err(|error| {
            complain(&format!("error: the subject kernel cannot be used: {error}\n"));
            Exit::Broken
        })?;
        let kernel = if with_networks { kernel.with_networks() } else { kernel };
        let name = self.subject.first().map_or(KERNEL, String::as_str);
        if self.command.is_empty() && name == KERNEL {
            return Ok(Box::new(kernel));
        }
        let (command, start_time, placement, peer) = if self.command.is_empty() {
            let manifest = manifest(name)?;
            let command = prepared(&manifest)?.into_iter().map(OsString::from).collect();
            (command, manifest.start_time, manifest.placement, usual_peer(manifest.placement))
        } else {
            // Nothing says whether it can be reached from outside.
            (self.command.clone(), START_TIME, Placement::default(), Peer::Own)
        };
        let patience = self.start_time.unwrap_or(start_time);
        let start = Start { guard: guard(), command, patience, placement };
        match AgentSubject::new(start, self.peer.unwrap_or(peer), kernel) {
            Ok(agent) => Ok(Box::new(agent)),
            Err(error) => {
                complain(&format!("error: {error}\n"));
                Err(Exit::Broken)
            }
        }
    }
}

/// Who can play the other actors, each with what that means.
fn peers() -> impl TypedValueParser<Value = Peer> {
    let values = Peer::ALL.map(|peer| {
        PossibleValue::new(peer.word()).help(match peer {
            Peer::Own => "Nobody: the agent plays all of them",
            Peer::Kernel => "This machine's kernel all but the first that a scenario names",
            Peer::KernelFirst => "This machine's kernel the first",
        })
    });
    PossibleValuesParser::new(values)
        .try_map(|word| Peer::from_word(&word).ok_or("expected a peer"))
}

/// How long an agent may take until it says what it is.
pub(super) const START_TIME: Duration = Duration::from_secs(10);

/// What stands before a command so that this program guards it. Without its own file the command still
/// runs, only less well guarded.
pub(super) fn guard() -> Vec<OsString> {
    let own = env::current_exe().ok();
    own.map(|own| vec![own.into_os_string(), "guard".into()]).unwrap_or_default()
}
