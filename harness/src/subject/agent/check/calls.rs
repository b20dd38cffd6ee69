use super::exchange::Exchange;
use super::probe::{ANSWER, Probe, Tried, told};
use crate::subject::agent::{Answer, Call, CallId, Class, Success};
use crate::vocabulary::{Errno, Transport};

pub(super) const EXCHANGES: &[Exchange] = &[
    Exchange {
        name: "an unknown verb is unsupported, and no harm",
        needs: &[],
        try_it: |probe| {
            let line = r#""limit":5000000000,"verb":"levitate","socket":0"#;
            let answer = probe.raw(line)?;
            match answer {
                Answer::Unsupported { .. } => probe.settle(),
                other => Err(format!("it gave {}, not `unsupported`", told(&other))),
            }
        },
    },
    Exchange {
        name: "an unknown key is ignored",
        needs: &[],
        try_it: |probe| {
            let transport = probe.stream()?.word();
            let line = format!(
                r#""limit":5000000000,"verb":"open","socket":0,"transport":"{transport}","mood":"fine""#
            );
            match probe.raw(&line)? {
                Answer::Ok(Success::Nothing) => Ok(()),
                other => Err(format!("open gave {}", told(&other))),
            }
        },
    },
    Exchange {
        name: "keys can come in any order",
        needs: &[],
        try_it: |probe| {
            let transport = probe.stream()?.word();
            let line =
                format!(r#""transport":"{transport}","socket":0,"verb":"open","limit":null"#);
            match probe.raw(&line)? {
                Answer::Ok(Success::Nothing) => Ok(()),
                other => Err(format!("open gave {}", told(&other))),
            }
        },
    },
    Exchange {
        name: "a cancel of what is not pending is ignored",
        needs: &[],
        try_it: |probe| {
            probe.agent.cancel(CallId::new(999_999));
            probe.settle()
        },
    },
    Exchange {
        name: "a socket that does not exist is an error, and no harm",
        needs: &[],
        try_it: |probe| match probe.ask(Call::Close { socket: 77 })? {
            Answer::Ok(_) => Err("close of socket 77 succeeded".to_owned()),
            _ => probe.settle(),
        },
    },
    Exchange { name: "tcp4 sockets open", needs: &["tcp4"], try_it: |p| opens(p, Transport::Tcp4) },
    Exchange { name: "tcp6 sockets open", needs: &["tcp6"], try_it: |p| opens(p, Transport::Tcp6) },
    Exchange { name: "udp4 sockets open", needs: &["udp4"], try_it: |p| opens(p, Transport::Udp4) },
    Exchange { name: "udp6 sockets open", needs: &["udp6"], try_it: |p| opens(p, Transport::Udp6) },
    Exchange { name: "unix sockets open", needs: &["unix"], try_it: |p| opens(p, Transport::Unix) },
    Exchange {
        name: "unix-dgram sockets open",
        needs: &["unix-dgram"],
        try_it: |p| opens(p, Transport::UnixDgram),
    },
    Exchange {
        name: "a closed socket stays closed",
        needs: &[],
        try_it: |probe| {
            let transport = probe.stream()?;
            let socket = probe.open(transport)?;
            probe.ok(Call::Close { socket })?;
            // Another one, which a system may give the same descriptor.
            probe.open(transport)?;
            match probe.ask(Call::Listen { socket, backlog: 1 })? {
                Answer::Ok(_) => Err("listen on it succeeded".to_owned()),
                _ => Ok(()),
            }
        },
    },
    Exchange {
        name: "times are those of a clock that goes on",
        needs: &[],
        try_it: |probe| {
            let transport = probe.stream()?;
            let mut last = None;
            for _ in 0..20 {
                let socket = probe.socket();
                let id = probe.begin(Call::Open { socket, transport }, Some(ANSWER));
                let asked = probe.asked;
                let done = probe.end(id)?;
                if done.took > asked.elapsed() {
                    return Err(format!("open took {:?}, longer than the exchange", done.took));
                }
                if last.is_some_and(|last| done.began < last) {
                    return Err("`began` goes back".to_owned());
                }
                last = Some(done.began);
            }
            Ok(())
        },
    },
    Exchange {
        name: "a connection that nobody takes is refused",
        needs: &["tcp4"],
        try_it: |probe| {
            let address = probe.address(Transport::Tcp4)?;
            let socket = probe.open(Transport::Tcp4)?;
            // Some stacks name the packet that answers rather than what it means here.
            let refusals = [Errno::ECONNREFUSED, Errno::ECONNRESET];
            probe.fails(Call::Connect { socket, address }, &refusals)
        },
    },
    Exchange {
        name: "a failure has a name or a class that there is",
        needs: &["tcp4"],
        try_it: |probe| {
            let address = probe.address(Transport::Tcp4)?;
            let socket = probe.open(Transport::Tcp4)?;
            has_class(probe, Call::Connect { socket, address })?;
            probe.ok(Call::Close { socket })?;
            has_class(probe, Call::Listen { socket, backlog: 1 })
        },
    },
    Exchange {
        name: "an address that is taken is refused",
        needs: &["tcp4"],
        try_it: |probe| {
            let (_, address) = probe.listener(Transport::Tcp4)?;
            let socket = probe.open(Transport::Tcp4)?;
            let bound = probe.ask(Call::Bind { socket, address })?;
            // Some runtimes bind and listen in one.
            let listened = match bound {
                Answer::Ok(_) => probe.ask(Call::Listen { socket, backlog: 1 })?,
                failed => failed,
            };
            match listened {
                Answer::Ok(_) => Err("two sockets listen at one address".to_owned()),
                _ => Ok(()),
            }
        },
    },
];

/// That a call fails as something there is a word for, and with a word that fits what hello says.
fn has_class(probe: &mut Probe<'_>, call: Call) -> Tried {
    let is_exact = probe.agent.hello().names.is_exact();
    let Answer::Err(failure) = probe.ask(call)? else { return Ok(()) };
    match failure.class {
        Class::Unknown(word) => {
            Err(format!("`class` is `{}`, which is no name and no class", word.escape_debug()))
        }
        Class::Portable(class) if is_exact => {
            Err(format!("`class` is `{class}`, and hello has no `\"names\":\"class\"`"))
        }
        _ => Ok(()),
    }
}

fn opens(probe: &mut Probe<'_>, transport: Transport) -> Tried {
    let socket = probe.open(transport)?;
    probe.ok(Call::Close { socket }).map(|_| ())
}
