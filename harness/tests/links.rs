//! The language where it speaks of links: what `wire` lines see and do, the places of a network, and
//! groups of hosts.

use sockspec::scenario::{
    Action, Amount, Case, Diagnostic, Document, DropFilter, Expected, GrowError, LinkFault,
    MOST_HOSTS, Receiver, Via, WireFact, WireStep, format, laws,
};
use sockspec::vocabulary::{ActorId, Op, PacketKind, Place, ScenarioId};

fn parse(source: &str) -> Result<Document, Vec<Diagnostic>> {
    assert_eq!(laws::hold(source), Ok(()), "of {source}");
    Document::parse(source, ScenarioId::new("a/test"), "test.scn")
}

fn document(source: &str) -> Document {
    parse(source).unwrap_or_else(|found| {
        let shown: Vec<String> =
            found.iter().map(|found| found.render("test.scn", source, false)).collect();
        panic!("{}", shown.join("\n\n"))
    })
}

/// The only case of a text.
fn case(source: &str) -> Case {
    let mut cases = document(source).cases();
    assert_eq!(cases.len(), 1, "{source}");
    cases.remove(0)
}

/// The codes of a text's mistakes.
fn codes(source: &str) -> Vec<&'static str> {
    match parse(source) {
        Ok(_) => Vec::new(),
        Err(found) => found.iter().map(|found| found.code).collect(),
    }
}

/// A scenario of these lines on a lan of the hosts `a`, `b` and `c`.
fn on_lan(lines: &str) -> String {
    format!("\"a title\"\non     lan a b c\n\n{lines}\n")
}

fn wire_steps(case: &Case) -> Vec<WireStep> {
    let steps = case.steps.iter().filter_map(|step| match &step.action {
        Action::Wire(step) => Some(step.clone()),
        _ => None,
    });
    steps.collect()
}

/// The one thing that a line on the lan asks of the packets or does to the link.
fn wire(line: &str) -> WireStep {
    wire_steps(&case(&on_lan(line))).remove(0)
}

fn actor(position: usize) -> ActorId {
    ActorId::new(position)
}

fn udp(to: Receiver) -> WireFact {
    WireFact::new(actor(0), to, PacketKind::Udp)
}

#[test]
fn packets_are_seen_by_where_they_go() {
    let count = |line: &str| match wire(line) {
        WireStep::Count(fact) => fact,
        other => panic!("{other:?}"),
    };
    assert_eq!(count("wire a -> any udp => 1"), udp(Receiver::Anyone));
    assert_eq!(count("wire a -> b udp => 1"), udp(Receiver::Actor(actor(1))));
    assert_eq!(count("wire a -> broadcast udp => 1"), udp(Receiver::Broadcast));
    assert_eq!(count("wire a -> subnet-broadcast udp => 1"), udp(Receiver::SubnetBroadcast));
    assert_eq!(count("wire a -> all-nodes udp => 1"), udp(Receiver::AllNodes));
    let narrow = WireFact {
        at: Some(actor(2)),
        via: Some(Via::Actor(actor(1))),
        ttl: Some(64),
        ..udp(Receiver::Actor(actor(1)))
    };
    assert_eq!(count("wire a -> b udp at c via b ttl 64 => 1"), narrow);
    assert_eq!(count("wire a -> b udp ttl 64 via b at c => 1"), narrow);
    let to_b = Receiver::Actor(actor(1));
    let numbered = WireFact {
        seq: Some(0),
        ack: Some(u32::MAX),
        ..WireFact::new(actor(0), to_b, PacketKind::Ack)
    };
    assert_eq!(count("wire a -> b ACK ack 4294967295 seq 0 => 1"), numbered);
    let refusal =
        WireFact { port_unreachable: true, ..WireFact::new(actor(0), to_b, PacketKind::Icmp) };
    assert_eq!(count("wire a -> b icmp port-unreachable => 1"), refusal);
    let all = WireFact { via: Some(Via::All), ttl: Some(0), ..udp(Receiver::Broadcast) };
    assert_eq!(count("wire a -> broadcast udp via all ttl 0 => 0 for 1ms"), all);
}

#[test]
fn the_order_of_packets_can_be_of_those_that_arrive() {
    let first = WireFact { at: Some(actor(1)), ..udp(Receiver::Actor(actor(1))) };
    let then = WireFact { ttl: Some(255), ..udp(Receiver::Anyone) };
    assert_eq!(
        wire("wire a -> b udp at b before a -> any udp ttl 255"),
        WireStep::Order { first, then }
    );
}

#[test]
fn packets_are_dropped_whole_or_in_part_and_passed_again() {
    let filter = DropFilter { from: actor(0), to: Some(actor(1)), kind: PacketKind::Udp };
    let any = DropFilter { to: None, kind: PacketKind::Any, ..filter };
    let drop = |filter, amount| WireStep::Fault(LinkFault::Drop { filter, amount });
    let lines = "wire drop a -> b udp\nwire drop a -> any any first 3\nwire drop a -> b udp nth 2\n\
                 wire pass a -> b udp\nwire pass a -> any any";
    assert_eq!(
        wire_steps(&case(&on_lan(lines))),
        [
            drop(filter, Amount::All),
            drop(any, Amount::First(3)),
            drop(filter, Amount::Nth(2)),
            WireStep::Fault(LinkFault::Pass(filter)),
            WireStep::Fault(LinkFault::Pass(any)),
        ]
    );
}

#[test]
fn links_go_down_and_up_become_narrow_and_get_routes() {
    let lines = "wire mark\nwire down b\nwire up b\nwire mtu c 1280\nwire route a via b";
    let found = case(&on_lan(lines));
    assert!(found.steps.iter().all(|step| step.expectation.is_none()));
    assert_eq!(
        wire_steps(&found),
        [
            WireStep::Mark,
            WireStep::Fault(LinkFault::Down(actor(1))),
            WireStep::Fault(LinkFault::Up(actor(1))),
            WireStep::Fault(LinkFault::Mtu { actor: actor(2), bytes: 1280 }),
            WireStep::Fault(LinkFault::Route { actor: actor(0), neighbour: actor(1) }),
        ]
    );
}

#[test]
fn a_host_may_have_the_name_of_a_word_of_wire() {
    let source = "\"a title\"\non     lan mark drop all\n\nwire mark -> drop udp via all => 1\n\
                  wire drop drop -> mark udp\nwire mark\n";
    let [WireStep::Count(fact), WireStep::Fault(_), WireStep::Mark] =
        &wire_steps(&case(source))[..]
    else {
        panic!("{:?}", wire_steps(&case(source)));
    };
    assert_eq!((fact.from, fact.via), (actor(0), Some(Via::Actor(actor(2)))));
}

#[test]
fn values_stand_in_wire_lines() {
    let source = "\"a title\"\non lan a b\nvary ttl 1 64\nvary lost 1..2\n\nwire drop a -> b udp nth $lost\n\
                  wire a -> b udp ttl $ttl => 1\nwire pass a -> b udp\n";
    let cases = document(source).cases();
    assert_eq!(cases.len(), 4);
    let last = wire_steps(&cases[3]);
    assert!(
        matches!(
            &last[..2],
            [
                WireStep::Fault(LinkFault::Drop { amount: Amount::Nth(2), .. }),
                WireStep::Count(WireFact { ttl: Some(64), .. })
            ]
        ),
        "{last:?}"
    );
}

#[test]
fn wire_lines_are_left_out_where_there_are_no_packets() {
    let source = "\"a title\"\nover unix tcp4\npair client.c server.s\n\nclient close c => ok\n\
                  wire mark\nwire client -> server FIN ttl 64 => 1\n";
    let found: Vec<usize> =
        document(source).cases().iter().map(|case| wire_steps(case).len()).collect();
    assert_eq!(found, [0, 2]);
}

#[test]
fn what_lasts_is_followed_through_blocks() {
    let block = |then: &str| {
        on_lan(&format!(
            "vary loss\n  case none: a open s udp4 => ok\n  case all: a open s udp4 => ok; \
             wire drop a -> b udp\n{then}"
        ))
    };
    assert_eq!(codes(&block("wire pass a -> b udp")), [""; 0]);
    assert_eq!(codes(&block("wire pass a -> c udp")), ["nothing-to-undo"]);
    let apart =
        on_lan("vary loss\n  case none: wire pass a -> b udp\n  case all: wire drop a -> b udp\n");
    assert_eq!(codes(&apart), ["nothing-to-undo"]);
    let inside =
        on_lan("vary link\n  case up: wire mark\n  case down: wire down a; wire up a\nwire up a\n");
    assert_eq!(codes(&inside), ["nothing-to-undo"]);
    assert_eq!(
        codes(&on_lan("wire down $who\nwire up a").replace("on  ", "vary who a b\non  ")),
        [""; 0]
    );
    assert_eq!(
        codes(&on_lan("wire down a\nwire up $who").replace("on  ", "vary who a b\non  ")),
        ["nothing-to-undo"]
    );
}

#[test]
fn a_mark_separates_orders() {
    let one = "wire a -> b udp before b -> a udp";
    let other = "wire b -> a udp before a -> b udp";
    assert_eq!(codes(&on_lan(&format!("{one}\n{other}"))), ["wire-cycle"]);
    assert_eq!(codes(&on_lan(&format!("{one}\nwire mark\n{other}"))), [""; 0]);
    let elsewhere = "wire b -> a udp before a -> b udp at b";
    assert_eq!(codes(&on_lan(&format!("{one}\n{elsewhere}"))), [""; 0]);
}

#[test]
fn ipv6_needs_links_that_are_wide_enough() {
    let narrow = |header: &str, lines: &str| {
        codes(&format!(
            "\"a title\"\non netns\n{header}\n\nclient open s{lines}\nwire mtu server 576\n"
        ))
    };
    assert_eq!(narrow("over udp4", " => ok"), [""; 0]);
    assert_eq!(narrow("over udp4 udp6", " => ok"), ["out-of-range"]);
    assert_eq!(narrow("", " udp4 => ok"), [""; 0]);
    assert_eq!(narrow("", " udp6 => ok"), ["out-of-range"]);
    assert_eq!(narrow("vary what udp4 udp6", " $what => ok"), ["out-of-range"]);
    let blocks = on_lan(
        "vary family\n  case four: a open s udp4 => ok; wire mtu a 68\n  case six: a open s udp6 => ok\n",
    );
    assert_eq!(codes(&blocks), [""; 0]);
}

#[test]
fn columns_of_wire_lines_are_aligned() {
    let source = "\"a title\"\non lan a b\n\na open s udp4 => ok\nwire drop a->b udp first 1 # lost\n\
                  wire a->b udp   at b => 0 for 1ms\nwire mark\n";
    assert_eq!(
        format(source).as_deref(),
        Ok("\"a title\"\n\
            on     lan a b\n\
            \n\
            a     open s udp4      => ok\n\
            wire  drop a -> b udp first 1  # lost\n\
            wire  a -> b udp at b  => 0 for 1ms\n\
            wire  mark\n")
    );
}

#[test]
fn a_count_of_packets_may_have_to_last() {
    let found = case(&on_lan("wire a -> b udp via all => 0 for 300ms"));
    assert_eq!(found.least, std::time::Duration::from_millis(300));
    let expectation = found.steps[0].expectation.as_ref().expect("a count");
    assert!(expectation.allows(&Expected::Count { least: 0, most: Some(0) }));
}

/// The place that a datagram goes to.
fn place(header: &str, address: &str) -> Place {
    let source = format!(
        "\"a title\"\n{header}\n\nclient open s udp6 => ok\nclient sendto s \"x\" {address} => 1\n"
    );
    match &case(&source).steps[1].action {
        Action::Perform { op: Op::Send { to: Some(to), .. }, .. } => to.place,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_place_is_a_host_or_an_address_of_a_link() {
    let [client, server, router] = [0, 1, 2].map(actor);
    let on_routed = |address: &str| place("on routed", address);
    assert_eq!(on_routed("router:p"), Place::Actor(router));
    assert_eq!(on_routed("router@client:p"), Place::Beside { actor: router, neighbour: client });
    assert_eq!(on_routed("router@server"), Place::Beside { actor: router, neighbour: server });
    assert_eq!(on_routed("client@router:7"), Place::Beside { actor: client, neighbour: router });
    assert_eq!(on_routed("subnet-broadcast@server:p"), Place::SubnetBroadcastOf(server));
    assert_eq!(on_routed("subnet-broadcast:p"), Place::SubnetBroadcast);
    assert_eq!(on_routed("all-nodes:p"), Place::AllNodes);
    assert_eq!(on_routed("nobody:p"), Place::Nobody);
    let beside = Place::Beside { actor: server, neighbour: client };
    assert_eq!(place("on netns", "server@client:p"), beside);
}

#[test]
fn the_router_is_an_actor_where_nothing_else_is_chosen() {
    let step = "\n\nrouter open s udp4 => ok\n";
    let found = case(&format!("\"a title\"\non routed{step}"));
    assert_eq!(*found.actors, ["client", "server", "router"]);
    assert_eq!(codes(&format!("\"a title\"\non netns routed{step}")), ["unknown-actor"]);
    assert_eq!(codes(&format!("\"a title\"\non lan a b{step}")), ["unknown-actor"]);
    assert_eq!(codes(&format!("\"a title\"\non lan a router{step}")), [""; 0]);
}

#[test]
fn all_nodes_needs_a_socket_of_ipv6_in_every_case() {
    let to_all = |header: &str, open: &str| {
        codes(&format!(
            "\"a title\"\non netns\n{header}\n\nclient open s {open} => ok\n\
             client sendto s \"x\" all-nodes:p => 1\n"
        ))
    };
    assert_eq!(to_all("over udp6 tcp6", ""), [""; 0]);
    assert_eq!(to_all("over udp4 udp6", ""), ["no-ipv6"]);
    assert_eq!(to_all("over udp4", "udp6"), [""; 0]);
    assert_eq!(to_all("", "udp6"), [""; 0]);
    assert_eq!(to_all("", "udp4"), ["no-ipv6"]);
}

#[test]
fn a_limited_broadcast_needs_a_socket_of_ipv4_in_every_case() {
    let to_all = |header: &str, open: &str| {
        codes(&format!(
            "\"a title\"\non netns\n{header}\n\nclient open s {open} => ok\n\
             client sendto s \"x\" broadcast:p => 1\n"
        ))
    };
    assert_eq!(to_all("over udp4 tcp4", ""), [""; 0]);
    assert_eq!(to_all("over udp4 udp6", ""), ["no-ipv4"]);
    assert_eq!(to_all("over udp6", "udp4"), [""; 0]);
    assert_eq!(to_all("", "udp4"), [""; 0]);
    assert_eq!(to_all("", "udp6"), ["no-ipv4"]);
}

#[test]
fn local_transports_stay_on_one_host() {
    let ids = |header: &str| -> Vec<String> {
        let source = format!("\"a title\"\n{header}\n\nclient open s => ok\n");
        let document = document(&source);
        let cases = document.cases();
        assert_eq!(cases.len(), document.count());
        cases.iter().map(|case| case.id.to_string()).collect()
    };
    assert_eq!(
        ids("over tcp4 unix\non loopback netns"),
        ["a/test[tcp4,loopback]", "a/test[tcp4,netns]", "a/test[unix,loopback]"]
    );
    assert_eq!(ids("over unix-dgram udp6\non routed"), ["a/test[udp6,routed]"]);
    let explicit = "\"a title\"\non netns\n\nclient open s unix => ok\n";
    assert_eq!(document(explicit).count(), 1);
    assert_eq!(codes("\"a title\"\nover unix\non netns\n\nclient open s => ok\n"), ["no-case"]);
}

const GROUP: &str = include_str!("language/broadcast-reaches-a-group.scn");

/// Who performs what, step by step.
fn performed(case: &Case) -> Vec<(String, Op)> {
    let steps = case.steps.iter().filter_map(|step| match &step.action {
        Action::Perform { actor, op } => Some((case.actors[actor.index()].clone(), op.clone())),
        _ => None,
    });
    steps.collect()
}

/// The sockets of an operation, each with its actor.
fn named(case: &Case, op: &Op) -> String {
    let socket = &case.sockets[op.socket().index()];
    format!("{}.{}", case.actors[socket.actor.index()], socket.name)
}

#[test]
fn the_example_of_a_group_is_canonical_and_each_member_performs_its_steps() {
    let canonical = GROUP.replace("cite  RFC", "cite   RFC").replace("on    lan", "on     lan");
    assert_eq!(format(GROUP).as_deref(), Ok(canonical.as_str()));
    let found = case(GROUP);
    assert_eq!(*found.actors, ["a", "d", "listeners1", "listeners2", "listeners3"]);
    let performed = performed(&found);
    let actors: Vec<&str> = performed.iter().map(|(actor, _)| actor.as_str()).collect();
    let listeners = ["listeners1", "listeners2", "listeners3"];
    assert_eq!(actors[..3], listeners);
    assert_eq!(actors[3..7], ["a"; 4]);
    assert_eq!(actors[7..], listeners);
    for (actor, op) in &performed {
        let socket = if actor == "a" { "s" } else { "u" };
        assert_eq!(named(&found, op), format!("{actor}.{socket}"));
    }
    assert_eq!(found.sockets.len(), 4);
    let places: Vec<u32> = found.steps.iter().map(|step| step.place.line).collect();
    assert_eq!(places, [5, 5, 5, 6, 7, 8, 9, 10, 10, 10, 11, 12, 13, 14]);
    let from = found.steps[9].expectation.as_ref().map(|one| one.alternatives[0].from);
    assert_eq!(from, Some(Some(actor(0))));
    assert_eq!(found.least, std::time::Duration::from_millis(300));
}

#[test]
fn members_have_sockets_of_their_own_beside_pairs_and_other_groups() {
    let source = "\"a title\"\nover tcp4\non lan x*2 a y*3 b\npair a.c b.s\n\n\
                  y open v => ok\nx open u => ok\ny dup v w => ok\na send c \"x\" => 1\n\
                  b recv s 16 => all of a.c\ny close w => ok\n";
    let found = case(source);
    assert_eq!(*found.actors, ["a", "b", "x1", "x2", "y1", "y2", "y3"]);
    let performed = performed(&found);
    let [_, server, ..] = &performed[4..] else { panic!("{performed:?}") };
    assert_eq!(named(&found, &server.1), "b.listener of s");
    let after: Vec<String> = performed[6..].iter().map(|(_, op)| named(&found, op)).collect();
    assert_eq!(
        after,
        [
            "y1.v", "y2.v", "y3.v", "x1.u", "x2.u", "y1.v", "y2.v", "y3.v", "a.c", "b.s", "y1.w",
            "y2.w", "y3.w"
        ]
    );
    let made = performed.iter().filter_map(|(_, op)| match op {
        Op::Dup { duplicate, .. } => Some(*duplicate),
        _ => None,
    });
    let duplicates: Vec<_> = made.collect();
    let closed: Vec<_> = performed[16..].iter().map(|(_, op)| op.socket()).collect();
    assert_eq!(duplicates, closed);
}

#[test]
fn the_waits_of_a_group_add_up() {
    let source =
        "\"a title\"\non lan a x*3\n\nx open s udp4 => ok\nx recv s 16 => blocked for 20ms\n";
    assert_eq!(case(source).least, std::time::Duration::from_millis(60));
}

#[test]
fn the_last_group_grows_with_the_lan() {
    let document =
        document("\"a title\"\non lan a x*2 y*3\n\nx open s udp4 => ok\ny open s udp4 => ok\n");
    let grown = |hosts| document.cases_with(hosts).expect("there is room").remove(0);
    assert_eq!(grown(2).actors.len(), 6);
    let large = grown(MOST_HOSTS);
    assert_eq!((large.actors.len(), large.steps.len()), (1_000, 999));
    assert_eq!(large.actors.last().map(String::as_str), Some("y997"));
    assert_eq!(large.id, grown(2).id);
    assert!(matches!(document.cases_with(1_001), Err(GrowError::Hosts { .. })));
    let plain = case("\"a title\"\non lan a b\n\na open s udp4 => ok\n");
    assert_eq!(plain.actors.len(), 2);
}

#[test]
fn hosts_that_make_too_many_steps_or_sockets_are_refused() {
    let wide = "\"a title\"\non lan a x*2\nvary size 1..251\n\nx open s udp4 => ok\na open s udp4 => ok\n\
                x recv s $size => ECONNREFUSED\n";
    let document = document(wide);
    assert!(document.cases_with(400).is_ok());
    assert!(matches!(document.cases_with(500), Err(GrowError::Steps { hosts: 500, .. })));
    let opens: Vec<String> = (0..66).map(|at| format!("x open s{at} udp4 => ok\n")).collect();
    let opens = opens.concat();
    let many = |size: usize| format!("\"a title\"\non lan a x*{size}\n\n{opens}");
    assert_eq!(codes(&many(999)), ["too-large"]);
    let few = self::document(&many(3));
    assert!(few.cases_with(900).is_ok());
    assert!(matches!(few.cases_with(1_000), Err(GrowError::Sockets { .. })));
}

#[test]
fn a_value_may_choose_between_a_group_and_a_host() {
    let source = "\"a title\"\non lan a x*3\nvary who a x\n\na open s udp4 => ok\nx open s udp4 => ok\n\
                  $who close s => ok\n";
    let steps: Vec<usize> = document(source).cases().iter().map(|case| case.steps.len()).collect();
    assert_eq!(steps, [5, 7]);
}

#[test]
fn a_network_can_have_the_hosts_that_the_language_allows() {
    assert_eq!(MOST_HOSTS, sockspec::net::Shape::MOST_HOSTS);
}
