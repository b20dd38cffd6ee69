use super::expectation::Fit;
use crate::scenario::case::DropFilter;
use crate::scenario::lexer::Span;
use crate::vocabulary::ActorId;

/// What is known of a name, or of something done to a link, at one point of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing: no socket has been made, no step started, nothing done.
    Absent,
    /// The socket is made; the step is started; the fault lasts.
    There,
    /// The started step was seen to be blocked still, and may be awaited again.
    Watched,
    /// The socket has been closed; the started step has been awaited; the
    /// fault is undone.
    Done,
    /// It depends on the case of a `vary` block.
    Partial,
}

/// A socket's name.
#[derive(Clone, Copy, Debug)]
pub(super) struct SocketEntry<'s> {
    pub(super) actor: ActorId,
    pub(super) name: &'s str,
    /// Where it is made.
    pub(super) made: Span,
    /// Where it is closed, once it is.
    pub(super) closed: Span,
    /// What is known of its transport.
    pub(super) kind: Kind,
    /// The position of the socket whose duplicate it is.
    pub(super) same_as: Option<usize>,
}

/// Whether a socket carries a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It has the transport of the case.
    Implied,
    /// Every transport that its step names is one of streams.
    Stream,
    /// Its step names one of datagrams.
    Datagrams,
}

/// A started step's name.
#[derive(Clone, Copy, Debug)]
pub(super) struct TagEntry<'s> {
    pub(super) actor: ActorId,
    pub(super) name: &'s str,
    /// Where it is started.
    pub(super) started: Span,
    /// Where it is awaited, once it is.
    pub(super) awaited: Span,
    /// What can be expected of it.
    pub(super) fit: Option<Fit>,
    /// The position of the socket that it acts on.
    pub(super) acts_on: Option<usize>,
    /// Whether it receives a frame.
    pub(super) receives_frame: bool,
}

/// Something done to a link that can be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Packets are dropped.
    Drop(DropFilter),
    /// A host's links are down.
    Down(ActorId),
}

/// Something done to a link.
#[derive(Clone, Copy, Debug)]
pub(super) struct FaultEntry {
    fault: Fault,
    /// Where it is undone, once it is.
    pub(super) ended: Span,
}

/// Follows which sockets, started steps and faults there are, through the cases of `vary` blocks.
#[derive(Debug, Default)]
pub(super) struct Flow<'s> {
    pub(super) sockets: Vec<SocketEntry<'s>>,
    pub(super) tags: Vec<TagEntry<'s>>,
    socket_states: Vec<State>,
    tag_states: Vec<State>,
    faults: Vec<FaultEntry>,
    fault_states: Vec<State>,
    /// The changes within the current case: what it was before.
    log: Vec<(Cell, State)>,
    /// How the cases of the current block left what they changed.
    ends: Vec<(Cell, State)>,
    inside: bool,
    cases: usize,
}

/// One state: of a socket, of a tag or of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cell {
    Socket(usize),
    Tag(usize),
    Fault(usize),
}

impl<'s> Flow<'s> {
    pub(super) fn socket(&self, actor: ActorId, name: &str) -> Option<usize> {
        self.sockets.iter().position(|entry| entry.name == name && entry.actor == actor)
    }

    pub(super) fn tag(&self, name: &str) -> Option<usize> {
        self.tags.iter().position(|entry| entry.name == name)
    }

    pub(super) fn socket_state(&self, at: usize) -> State {
        self.socket_states.get(at).copied().unwrap_or(State::Absent)
    }

    pub(super) fn tag_state(&self, at: usize) -> State {
        self.tag_states.get(at).copied().unwrap_or(State::Absent)
    }

    /// Makes a socket, whose name may be known from another case, and gives its position.
    pub(super) fn make(&mut self, entry: SocketEntry<'s>) -> usize {
        let at = self.socket(entry.actor, entry.name).unwrap_or_else(|| {
            self.sockets.push(entry);
            self.socket_states.push(State::Absent);
            self.sockets.len() - 1
        });
        (self.sockets[at].kind, self.sockets[at].same_as) = (entry.kind, entry.same_as);
        self.set(Cell::Socket(at), State::There);
        at
    }

    /// Starts a step under a name, which may be known from another case.
    pub(super) fn start(&mut self, entry: TagEntry<'s>) -> usize {
        let at = self.tag(entry.name).unwrap_or_else(|| {
            self.tags.push(entry);
            self.tag_states.push(State::Absent);
            self.tags.len() - 1
        });
        self.tags[at].receives_frame = entry.receives_frame;
        self.set(Cell::Tag(at), State::There);
        at
    }

    /// Notes that a step names the transport of the socket it makes.
    pub(super) fn open(&mut self, at: usize, is_stream: bool) {
        if let Some(entry) = self.sockets.get_mut(at)
            && entry.kind != Kind::Datagrams
        {
            entry.kind = if is_stream { Kind::Stream } else { Kind::Datagrams };
        }
    }

    /// Notes that a socket comes from another one, and is the same if it is a duplicate.
    pub(super) fn descend(&mut self, at: usize, from: usize, is_duplicate: bool) {
        let kind = self.sockets.get(from).map(|entry| entry.kind);
        let original = self.original(from);
        if let (Some(kind), Some(entry)) = (kind, self.sockets.get_mut(at)) {
            entry.kind = kind;
            entry.same_as = is_duplicate.then_some(original);
        }
    }

    /// The position of the socket that another one is a duplicate of, or its own.
    pub(super) fn original(&self, at: usize) -> usize {
        self.sockets.get(at).and_then(|entry| entry.same_as).unwrap_or(at)
    }

    /// Marks a socket as closed.
    pub(super) fn close(&mut self, at: usize, closed: Span) {
        if let Some(entry) = self.sockets.get_mut(at) {
            entry.closed = closed;
            self.set(Cell::Socket(at), State::Done);
        }
    }

    /// Takes back that a started step was awaited: it was only seen to be blocked still.
    pub(super) fn watch(&mut self, at: usize) {
        if at < self.tags.len() {
            self.set(Cell::Tag(at), State::Watched);
        }
    }

    /// Marks a started step as awaited.
    pub(super) fn finish(&mut self, at: usize, awaited: Span) {
        if let Some(entry) = self.tags.get_mut(at) {
            entry.awaited = awaited;
            self.set(Cell::Tag(at), State::Done);
        }
    }

    /// Notes that something is done to a link.
    pub(super) fn harm(&mut self, fault: Fault) {
        let known = self.faults.iter().position(|entry| entry.fault == fault);
        let at = known.unwrap_or_else(|| {
            self.faults.push(FaultEntry { fault, ended: Span::default() });
            self.fault_states.push(State::Absent);
            self.faults.len() - 1
        });
        self.set(Cell::Fault(at), State::There);
    }

    /// Notes that something done to a link is undone, and gives what was known of it before.
    pub(super) fn mend(&mut self, fault: Fault, ended: Span) -> Option<(State, FaultEntry)> {
        let at = self.faults.iter().position(|entry| entry.fault == fault)?;
        let before = (self.fault_states[at], self.faults[at]);
        if before.0 == State::Absent {
            return None;
        }
        self.faults[at].ended = ended;
        self.set(Cell::Fault(at), State::Done);
        Some(before)
    }

    fn set(&mut self, cell: Cell, state: State) {
        let slot = self.slot(cell);
        let before = std::mem::replace(slot, state);
        if self.inside {
            self.log.push((cell, before));
        }
    }

    fn slot(&mut self, cell: Cell) -> &mut State {
        match cell {
            Cell::Socket(at) => &mut self.socket_states[at],
            Cell::Tag(at) => &mut self.tag_states[at],
            Cell::Fault(at) => &mut self.fault_states[at],
        }
    }

    /// Enters the next case of a block.
    pub(super) fn begin_case(&mut self) {
        self.end_case();
        self.inside = true;
    }

    fn end_case(&mut self) {
        if !std::mem::replace(&mut self.inside, false) {
            return;
        }
        self.cases += 1;
        let log = std::mem::take(&mut self.log);
        let from = self.ends.len();
        for &(cell, _) in &log {
            let state = *self.slot(cell);
            self.ends.push((cell, state));
        }
        for (cell, before) in log.into_iter().rev() {
            *self.slot(cell) = before;
        }
        // A cell that changed twice in this case ended in one state all the same.
        let mut ended = self.ends.split_off(from);
        ended.sort_unstable_by_key(|(cell, _)| *cell);
        ended.dedup_by_key(|(cell, _)| *cell);
        self.ends.append(&mut ended);
    }

    /// Leaves a block: what its cases left differently is known in part only from here on.
    pub(super) fn end_block(&mut self) {
        self.end_case();
        let cases = std::mem::take(&mut self.cases);
        let mut ends = std::mem::take(&mut self.ends);
        ends.sort_by_key(|(cell, _)| *cell);
        for group in ends.chunk_by(|one, other| one.0 == other.0) {
            let Some(&(cell, state)) = group.first() else { continue };
            let same = group.iter().all(|(_, other)| *other == state);
            let before = *self.slot(cell);
            // What a case both began and ended is no business of the other cases.
            let over = matches!(cell, Cell::Tag(_) | Cell::Fault(_)) && before == State::Absent;
            let over = over && matches!(state, State::Watched | State::Done);
            let agreed = same && (group.len() == cases || before == state || over);
            *self.slot(cell) = if agreed { state } else { State::Partial };
        }
    }
}
