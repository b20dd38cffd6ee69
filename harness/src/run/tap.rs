use std::time::Duration;

use super::broken::Broken;
use super::event::Judgement;
use super::lookout::{Lookout, since};
use super::traffic::Traffic;
use crate::scenario::{Case, WireFact};
use crate::subject::{AddressBook, Observation, Session};
use crate::vocabulary::{ActorId, Op, Outcome};
use crate::wire::Frame;

/// Listens to the packets of a case through its session.
pub(super) struct Tap {
    /// Whether there is anything to listen to.
    is_open: bool,
    traffic: Traffic,
}

impl Tap {
    /// Where nothing is captured, nothing costs anything.
    pub(super) fn new(is_open: bool) -> Self {
        Self { is_open, traffic: Traffic::default() }
    }

    /// Takes in what was captured.
    pub(super) fn listen(&mut self, session: &mut dyn Session) -> Result<(), Broken> {
        if self.is_open {
            self.traffic.take(session.captured()?);
        }
        Ok(())
    }

    /// Lets nothing that was captured so far count any more.
    pub(super) fn mark(&mut self, session: &mut dyn Session) -> Result<(), Broken> {
        self.listen(session)?;
        self.traffic.mark();
        Ok(())
    }

    /// Where all actors share one host, finds out which port an operation gave its socket, since
    /// there the ports tell whose a packet is.
    pub(super) fn learn(
        &mut self,
        session: &mut dyn Session,
        book: &AddressBook,
        actor: ActorId,
        op: &Op,
    ) -> Result<(), Broken> {
        let names = matches!(op, Op::Bind { .. } | Op::Connect { .. } | Op::Send { .. });
        if self.is_open && book.is_loopback() && names {
            let name = Op::Name { socket: op.socket() };
            if let Outcome::Name(endpoint) = session.perform(actor, &name, book, ANSWER)?.outcome {
                self.traffic.own(&endpoint, actor);
            }
        }
        Ok(())
    }

    /// Counts packets until there are as many as expected, and as long as there must not be more.
    pub(super) fn count(
        &mut self,
        session: &mut dyn Session,
        book: &AddressBook,
        lookout: &Lookout<'_>,
        fact: &WireFact,
    ) -> Result<Observation, Broken> {
        let seen = lookout.look(session, |session| {
            let began = session.now();
            self.listen(session)?;
            let outcome = Outcome::Count(self.traffic.count(fact, book));
            Ok(Observation { outcome, began, took: since(session, began) })
        })?;
        self.is_whole()?;
        Ok(seen)
    }

    /// Waits for both packets and says what is wrong with their order.
    pub(super) fn order(
        &mut self,
        session: &mut dyn Session,
        book: &AddressBook,
        case: &Case,
        [first, then]: [&WireFact; 2],
        limit: Duration,
    ) -> Result<Judgement, Broken> {
        let name =
            |fact: &WireFact| format!("{} from {}", fact.kind, case.actors[fact.from.index()]);
        let began = session.now();
        let detail = loop {
            self.listen(session)?;
            self.is_whole()?;
            let missing = match (self.traffic.first(first, book), self.traffic.first(then, book)) {
                (Some(one), Some(other)) if one < other => return Ok(Judgement::Met),
                (_, Some(_)) => break format!("{} came before {}", name(then), name(first)),
                (Some(_), None) => then,
                (None, None) => first,
            };
            if since(session, began) >= limit {
                break format!("no {} was seen", name(missing));
            }
            session.wait(Lookout::PAUSE);
        };
        Ok(Judgement::Missed { detail: Some(detail) })
    }

    /// The last frames, and how many were lost; `None` where nothing was captured.
    pub(super) fn into_frames(self) -> Option<(Vec<Frame>, u64)> {
        let lost = self.traffic.lost();
        self.is_open.then(|| (self.traffic.into_frames(), lost))
    }

    /// Whether nothing was lost of what is to be counted.
    fn is_whole(&self) -> Result<(), Broken> {
        match self.traffic.lost() {
            0 => Ok(()),
            lost => Err(Broken::new(format!(
                "the capture lost {lost} of the packets, so that none can be counted"
            ))),
        }
    }
}

/// What asking for a socket's name may take.
const ANSWER: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use etherparse::PacketBuilder;

    use super::*;
    use crate::run::Verdict;
    use crate::run::event::CaseFinished;
    use crate::run::scripted::{Scripted, at_once, judgement, millis};
    use crate::vocabulary::Endpoint;
    use crate::wire::Capture;

    const CLIENT: u16 = 50_000;
    const SERVER: u16 = 20_000;

    /// A FIN from one port to the other that is captured at a time.
    fn fin(at: u64, from: u16, to: u16) -> Frame {
        let builder = PacketBuilder::ethernet2([0; 6], [0; 6])
            .ipv4([127, 0, 0, 1], [127, 0, 0, 1], 64)
            .tcp(from, to, 1, 100)
            .fin()
            .ack(1);
        let mut bytes = Vec::new();
        builder.write(&mut bytes, &[]).expect("memory can be written to");
        let length = u32::try_from(bytes.len()).expect("it is short");
        let host = Some(0);
        Frame { at: millis(at), sender: host, receiver: host, length, bytes: bytes.into() }
    }

    /// What a case with these `wire` lines comes to, of which the first stands on line 5.
    fn trial(lines: &str, frames: &[Frame], lost: u64) -> CaseFinished {
        // The listening socket of the pair comes last.
        let subject = Scripted::new(|asked| match asked.op {
            Op::Name { socket } => {
                let port = if socket.index() == 0 { CLIENT } else { SERVER };
                let name = Endpoint::Inet(SocketAddr::from(([127, 0, 0, 1], port)));
                at_once(Outcome::Name(name))
            }
            _ => None,
        });
        let subject = Scripted { traffic: Capture { frames: frames.to_vec(), lost }, ..subject };
        subject.trial(&format!("\"t\"\nover tcp4\npair client.c server.s\n\n{lines}\n"))
    }

    const COUNT: &str = "wire client -> server FIN => 1";

    #[test]
    fn packets_are_waited_for() {
        let frames = [fin(0, SERVER, CLIENT), fin(700, CLIENT, SERVER)];
        let finished = trial(COUNT, &frames, 0);
        assert_eq!((finished.verdict, finished.reason), (Verdict::Pass, None));
        assert!(finished.steps.last().is_some_and(|step| step.took >= millis(690)));
        let finished = trial(COUNT, &frames[..1], 0);
        assert_eq!(finished.verdict, Verdict::Fail);
        let last = finished.steps.last().expect("there is one");
        assert_eq!(last.outcome, Some(Outcome::Count(0)));
    }

    #[test]
    fn a_count_must_stay_what_it_is_for_as_long_as_is_said() {
        let frames = [fin(0, CLIENT, SERVER), fin(60, CLIENT, SERVER)];
        assert_eq!(trial(COUNT, &frames, 0).verdict, Verdict::Pass);
        let lasting = format!("{COUNT} for 50ms");
        assert_eq!(trial(&lasting, &frames, 0).verdict, Verdict::Pass);
        let lasting = format!("{COUNT} for 100ms");
        assert_eq!(trial(&lasting, &frames, 0).verdict, Verdict::Fail);
        let open = "wire client -> server FIN => 1.. for 100ms";
        assert_eq!(trial(open, &frames, 0).verdict, Verdict::Pass);
    }

    #[test]
    fn the_order_of_packets_is_told() {
        let line = "wire client -> server FIN before server -> client FIN";
        let of = |frames: &[Frame]| {
            let finished = trial(line, frames, 0);
            judgement(&finished, 5).cloned().expect("it ran")
        };
        let missed = |detail: &str| Judgement::Missed { detail: Some(detail.to_owned()) };
        let (mine, theirs) = (fin(10, CLIENT, SERVER), fin(20, SERVER, CLIENT));
        assert_eq!(of(&[mine.clone(), theirs.clone()]), Judgement::Met);
        let early = fin(5, SERVER, CLIENT);
        assert_eq!(
            of(&[early, mine.clone()]),
            missed("FIN from server came before FIN from client")
        );
        assert_eq!(of(&[mine]), missed("no FIN from server was seen"));
        assert_eq!(of(&[]), missed("no FIN from client was seen"));
    }

    #[test]
    fn what_came_before_a_mark_does_not_count() {
        let lines = "wait 20ms\nwire mark\nwire client -> server FIN => 1";
        let frames = [fin(10, CLIENT, SERVER), fin(30, CLIENT, SERVER)];
        assert_eq!(trial(lines, &frames, 0).verdict, Verdict::Pass);
    }

    #[test]
    fn where_packets_were_lost_none_are_counted() {
        let finished = trial(COUNT, &[fin(0, CLIENT, SERVER)], 3);
        assert_eq!(finished.verdict, Verdict::Broken);
        let reason = finished.reason.expect("it is said");
        assert!(reason.contains("lost 3 of the packets"), "{reason}");
    }
}
