use std::time::Duration;

use super::broken::Broken;
use super::delay::Delay;
use super::judge::{Circumstances, is_expected, lasting};
use crate::scenario::Expectation;
use crate::subject::{Observation, Session};

/// The first pause before looking again, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_micros(50), Duration::from_millis(5));

/// Something that is looked at more than once, since packets take time.
pub(super) struct Lookout<'a> {
    /// What is expected to be seen.
    pub(super) expectation: &'a Expectation,
    /// How it is judged.
    pub(super) circumstances: Circumstances<'a>,
    /// How long it may take to come.
    pub(super) limit: Duration,
    /// What keeps the looks from their time.
    pub(super) delay: &'a Delay,
}

impl Lookout<'_> {
    /// How long to wait before looking again at what is long in coming.
    pub(super) const PAUSE: Duration = PAUSES.1;

    /// Looks until what is expected is seen, then watches that it stays so for as long as the
    /// expectation says.
    pub(super) fn look(
        &self,
        session: &mut dyn Session,
        mut look: impl FnMut(&mut dyn Session) -> Result<Observation, Broken>,
    ) -> Result<Observation, Broken> {
        let began = session.now();
        let mut pause = PAUSES.0;
        let mut seen = look(session)?;
        self.delay.look();
        while !self.is_expected(&seen) && since(session, began) < self.limit {
            session.wait(pause);
            pause = (pause * 2).min(PAUSES.1);
            seen = look(session)?;
            self.delay.look();
        }
        seen.took = (seen.began + seen.took).saturating_sub(began);
        seen.began = began;
        self.watch(session, seen, look)
    }

    /// Looks once, then watches as [`Lookout::look`] does.
    pub(super) fn watch(
        &self,
        session: &mut dyn Session,
        seen: Observation,
        mut look: impl FnMut(&mut dyn Session) -> Result<Observation, Broken>,
    ) -> Result<Observation, Broken> {
        let Some(lasting) = lasting(self.expectation, &seen, &self.circumstances) else {
            return Ok(seen);
        };
        let matched = session.now();
        while since(session, matched) < lasting {
            session.wait(PAUSES.1.min(lasting));
            let later = look(session)?;
            self.delay.look();
            if !self.is_expected(&later) {
                let began = seen.began;
                return Ok(Observation { took: since(session, began), began, ..later });
            }
        }
        Ok(seen)
    }

    fn is_expected(&self, seen: &Observation) -> bool {
        is_expected(self.expectation, seen, &self.circumstances)
    }
}

/// How long ago a moment was, on the session's clock.
pub(super) fn since(session: &dyn Session, moment: Duration) -> Duration {
    session.now().saturating_sub(moment)
}
