use std::time::Duration;

use super::elapsed::Elapsed;
use super::printable::{Many, Printable};
use crate::run::event::{PacketReport, Packets, StepReport};
use crate::vocabulary::PacketKind;
use crate::wire::{Content, Frame, Packet};

/// What the wire showed up to the end of a step, or of the case.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    /// The packets that are shown, those nearest to the end.
    packets: Vec<Seen>,
    /// How many came before these.
    earlier: usize,
    /// How many came after the step.
    later: usize,
    lost: u64,
}

/// A packet as it is shown.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// Its number in the pcapng file, from 1.
    pub(super) number: usize,
    pub(super) at: Duration,
    /// From where to where it went.
    pub(super) route: String,
    pub(super) content: String,
}

impl Seen {
    /// The packets of a case's sockets; what the hosts say to find each other is left out.
    pub(super) fn all(packets: &Packets) -> impl Iterator<Item = Self> {
        let seen = |(frame, number): (&PacketReport, usize)| {
            let packet = Packet::decode(&Frame::from(frame.clone()))?;
            concerns_sockets(&packet).then(|| Self {
                number,
                at: packet.at,
                route: route(&packet, &packets.hosts),
                content: packet.to_string(),
            })
        };
        packets.frames.iter().zip(1..).filter_map(seen)
    }
}

impl Wire {
    /// Looks for the packets of the case's sockets that were seen until a step ended.
    pub(crate) fn of(packets: &Packets, until: Option<&StepReport>) -> Self {
        let end = until.map_or(Duration::MAX, |step| step.began.saturating_add(step.took));
        let (mut before, after): (Vec<_>, Vec<_>) =
            Seen::all(packets).partition(|seen| seen.at <= end);
        let earlier = before.len().saturating_sub(SHOWN);
        before.drain(..earlier);
        Self { packets: before, earlier, later: after.len(), lost: packets.lost }
    }

    /// The lines to be shown.
    pub(crate) fn lines(&self) -> Vec<String> {
        let times: Vec<_> = self.packets.iter().map(|seen| Elapsed(seen.at).to_string()).collect();
        let width = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0);
        let number = width(&mut self.packets.iter().map(|seen| seen.number.to_string().len())) + 1;
        let time = width(&mut times.iter().map(String::len));
        let route = width(&mut self.packets.iter().map(|seen| seen.route.chars().count()));
        let mut lines: Vec<_> = self
            .packets
            .iter()
            .zip(times)
            .map(|(seen, at)| {
                let name = format!("#{}", seen.number);
                let Seen { route: hosts, content, .. } = seen;
                format!("{name:<number$}  {at:>time$}  {hosts:<route$}  {content}")
            })
            .collect();
        lines.extend(self.others());
        match self.lost {
            0 => {}
            1 => lines.push("1 packet was lost by the capture".to_owned()),
            lost => lines.push(format!("{} were lost by the capture", Many(lost, "packet"))),
        }
        lines
    }

    /// How many packets are not shown.
    fn others(&self) -> Option<String> {
        let shown = !self.packets.is_empty();
        Some(match (self.earlier, self.later) {
            (0, 0) if shown => return None,
            (0, 0) => "no packet was seen".to_owned(),
            (0, later) if shown => format!("and {later} later"),
            (0, later) => format!("no packet until then, and {later} later"),
            (earlier, 0) => format!("and {earlier} earlier"),
            (earlier, later) => format!("and {earlier} earlier, {later} later"),
        })
    }
}

/// How many packets are shown.
const SHOWN: usize = 8;

pub(super) fn concerns_sockets(packet: &Packet) -> bool {
    // A fragment after the first is a packet of a socket too, though no step can name it.
    packet.is(PacketKind::Any) || matches!(packet.content, Content::Other { protocol: 6 | 17 })
}

/// From where to where it went, as far as was seen there.
fn route(packet: &Packet, hosts: &[String]) -> String {
    let (from, to) = match (packet.sender, packet.receiver) {
        (Some(sender), Some(receiver)) if sender == receiver => match ports(&packet.content) {
            Some((from, to)) => (format!(":{from}"), format!(":{to}")),
            None => (name(hosts, sender), name(hosts, receiver)),
        },
        (sender, receiver) => {
            let of =
                |host: Option<usize>| host.map_or_else(|| "*".to_owned(), |at| name(hosts, at));
            (of(sender), if is_for_all(packet) { "all".to_owned() } else { of(receiver) })
        }
    };
    format!("{from} -> {to}")
}

/// Whether the sender puts it on its link for more than one host.
const fn is_for_all(packet: &Packet) -> bool {
    packet.sender.is_some() && packet.link_destination[0] & 1 == 1
}

fn name(hosts: &[String], position: usize) -> String {
    match hosts.get(position) {
        Some(host) => Printable(host).to_string(),
        None => format!("host {position}"),
    }
}

/// The ports that tell apart who speaks on one host. An error message goes back the way that the
/// packet came which it answers.
pub(super) fn ports(content: &Content) -> Option<(u16, u16)> {
    match content {
        Content::Tcp(segment) => Some((segment.source_port, segment.destination_port)),
        Content::Udp(datagram) => Some((datagram.source_port, datagram.destination_port)),
        Content::IcmpError(error) => {
            error.quoted.map(|quoted| (quoted.destination.port(), quoted.source.port()))
        }
        Content::Other { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::captured;
    use crate::run::event::Judgement;
    use crate::scenario::Place;

    fn lines(packets: &Packets, ended: Option<u64>) -> String {
        let step = ended.map(|micros| StepReport {
            place: Place::default(),
            expected: None,
            outcome: None,
            began: Duration::from_micros(micros / 2),
            took: Duration::from_micros(micros - micros / 2),
            judgement: Judgement::Hung,
            ending: None,
            note: None,
            samples: None,
        });
        Wire::of(packets, step.as_ref()).lines().join("\n")
    }

    #[test]
    fn without_a_step_the_last_packets_are_shown() {
        insta::assert_snapshot!(lines(&captured::reset_connection(), None));
    }

    #[test]
    fn what_came_after_the_step_is_counted() {
        insta::assert_snapshot!(lines(&captured::reset_connection(), Some(270)));
        insta::assert_snapshot!(lines(&captured::reset_connection(), Some(8)), @"no packet until then, and 10 later");
    }

    #[test]
    fn a_link_without_a_packet_says_so() {
        let mut packets = captured::answered_broadcast();
        packets.frames.truncate(1);
        packets.lost = 1;
        insta::assert_snapshot!(lines(&packets, None), @r"
        no packet was seen
        1 packet was lost by the capture
        ");
    }

    #[test]
    fn a_host_without_a_name_is_no_harm() {
        let mut packets = captured::answered_broadcast();
        packets.hosts.truncate(1);
        packets.hosts[0] = "\x1b[2J".to_owned();
        packets.frames[2].bytes = Box::default();
        insta::assert_snapshot!(lines(&packets, None));
    }

    #[test]
    fn an_error_on_one_host_goes_back_to_the_port_that_it_is_about() {
        let mut packets = captured::answered_broadcast();
        for frame in &mut packets.frames {
            (frame.sender, frame.receiver) = (Some(0), Some(0));
        }
        packets.frames.drain(..4);
        packets.frames.truncate(1);
        packets.lost = 0;
        insta::assert_snapshot!(lines(&packets, None), @"#1  2.1 ms  :9999 -> :43210  ICMP port unreachable");
    }
}
