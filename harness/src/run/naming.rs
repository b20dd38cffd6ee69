use crate::vocabulary::{Errno, ErrorClass, ErrorNames, Outcome, Signal};

/// How an error that came agrees with the one that is expected.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Likeness {
    /// It is that one.
    Same,
    /// It is of its class, on a subject whose errors are told by that: what there is to say of it.
    OfClass(String),
    /// It is another one: what there is to say of it beside its name.
    Other(Option<String>),
}

impl Likeness {
    /// What is to be noted of an error that agrees with the expected one.
    pub(super) fn note(self) -> Option<String> {
        match self {
            Self::OfClass(note) => Some(note),
            Self::Same | Self::Other(_) => None,
        }
    }
}

/// Holds an error of a subject with such names against the expected one.
pub(super) fn likeness(expected: Errno, found: Errno, names: ErrorNames) -> Likeness {
    if expected == found {
        return Likeness::Same;
    }
    match expected.class().filter(|class| found.class() == Some(*class)) {
        Some(class) if names == ErrorNames::Class => {
            Likeness::OfClass(format!("{found}, of the class of {expected} ({class})"))
        }
        _ => Likeness::Other(None),
    }
}

/// Holds an error that is known by its class alone against the expected one.
pub(super) fn likeness_of_class(
    expected: Errno,
    (found, text): (ErrorClass, &str),
    names: ErrorNames,
) -> Likeness {
    match (expected.class() == Some(found), names) {
        (true, ErrorNames::Class) => {
            Likeness::OfClass(format!("an error of the class of {expected} ({found})"))
        }
        (true, ErrorNames::Exact) => Likeness::Other(Some(format!(
            "it is of the class of {expected}, but not named, and the subject said that its errors \
             have names"
        ))),
        (false, _) => Likeness::Other(own_words(text)),
    }
}

/// What a subject said of an error, if it said anything.
pub(super) fn own_words(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The same for any outcome, with the signal that came: `None` where it is no error.
pub(super) fn likeness_of(
    expected: Errno,
    outcome: &Outcome,
    names: ErrorNames,
) -> Option<(Likeness, Option<Signal>)> {
    match outcome {
        Outcome::Failed { errno, signal } => Some((likeness(expected, *errno, names), *signal)),
        Outcome::FailedAs { class, text, signal } => {
            Some((likeness_of_class(expected, (*class, text), names), *signal))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Verdict;
    use crate::run::scripted::{Scripted, at_once};
    use crate::vocabulary::{Ending, Op};

    #[test]
    fn a_step_tells_by_which_class_it_was_met_and_how_it_ended() {
        let refusing = |names| {
            let subject = Scripted::new(|asked| match asked.op {
                Op::Send { .. } => at_once(Outcome::failed(Errno::ESHUTDOWN)),
                _ => None,
            });
            let text = "\"t\"\nover tcp4\npair client.c server.s\n\nclient send c \"x\" => EPIPE\n";
            let finished = Scripted { names, ..subject }.trial(text);
            let last = finished.steps.last().expect("there are steps").clone();
            (finished.verdict, last.ending, last.note)
        };
        let note = "ESHUTDOWN, of the class of EPIPE (send-refused)".to_owned();
        let met = (Verdict::Pass, Some(Ending::Other), Some(note));
        assert_eq!(refusing(ErrorNames::Class), met);
        assert_eq!(refusing(ErrorNames::Exact), (Verdict::Fail, Some(Ending::Other), None));
    }

    #[test]
    fn a_name_is_held_against_the_name_or_the_class() {
        let of = |found, names| likeness(Errno::EPIPE, found, names);
        for names in [ErrorNames::Exact, ErrorNames::Class] {
            assert_eq!(of(Errno::EPIPE, names), Likeness::Same);
            assert_eq!(of(Errno::ECONNRESET, names), Likeness::Other(None));
        }
        assert_eq!(of(Errno::ESHUTDOWN, ErrorNames::Exact), Likeness::Other(None));
        let note = of(Errno::ESHUTDOWN, ErrorNames::Class).note();
        assert_eq!(note.as_deref(), Some("ESHUTDOWN, of the class of EPIPE (send-refused)"));
    }

    #[test]
    fn errors_without_a_class_are_never_alike() {
        for (expected, found) in
            [(Errno::EIO, Errno::EPROTO), (Errno::Unnamed(1), Errno::Unnamed(2))]
        {
            assert_eq!(likeness(expected, found, ErrorNames::Class), Likeness::Other(None));
        }
    }

    #[test]
    fn a_class_without_a_name_is_enough_only_where_there_are_no_names() {
        let of = |class, names| likeness_of_class(Errno::EPIPE, (class, "Broken pipe\n"), names);
        let note = of(ErrorClass::SendRefused, ErrorNames::Class).note();
        assert_eq!(note.as_deref(), Some("an error of the class of EPIPE (send-refused)"));
        let Likeness::Other(Some(detail)) = of(ErrorClass::SendRefused, ErrorNames::Exact) else {
            panic!("it must not be enough");
        };
        assert!(detail.contains("not named"), "{detail}");
        for names in [ErrorNames::Exact, ErrorNames::Class] {
            let other = of(ErrorClass::Reset, names);
            assert_eq!(other, Likeness::Other(Some("Broken pipe".to_owned())));
        }
    }
}
