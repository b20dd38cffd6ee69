use std::ffi::OsString;
use std::time::Duration;

use super::manifest::Placement;
use super::words::Words;
use crate::vocabulary::Transport;

/// How each instance of a proxy is started.
#[derive(Clone, Debug)]
pub struct ProxyStart {
    /// What stands before the command so that [`guard`](crate::subject::program::guard()) is called
    /// with the id of this process and the command; nothing where it is to be started without.
    pub guard: Vec<OsString>,
    /// The program and its arguments, with the words of [`ProxyManifest`](super::ProxyManifest) in them.
    pub command: Vec<String>,
    /// The text of the file that is filled in for each instance.
    pub config: Option<String>,
    /// Words that are the same for all instances, with what they stand for.
    pub words: Vec<(String, String)>,
    /// How long one may take until it listens.
    pub patience: Duration,
    /// Where it stands.
    pub placement: Placement,
    /// What it carries.
    pub over: Vec<Transport>,
}

impl ProxyStart {
    /// The words that all instances share.
    pub(super) fn shared_words(&self) -> Words {
        let mut words = Words::default();
        // One may have others within, so what is the same for all comes first.
        self.words.iter().for_each(|(word, value)| words.set(word, value));
        words
    }

    /// Whether an instance needs a folder of its own.
    pub(super) fn needs_folder(&self) -> bool {
        self.config.is_some() || self.command.iter().any(|argument| argument.contains("{work}"))
    }
}
