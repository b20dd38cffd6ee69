use crate::vocabulary::split_mix;

/// Numbers that look random and are the same for the same seed.
#[derive(Clone, Debug)]
pub struct Random {
    seed: u64,
    block: u64,
}

impl Random {
    /// The sequence of a seed.
    pub const fn new(seed: u64) -> Self {
        Self { seed, block: 0 }
    }

    /// The sequence of one of the runs of a seed, so that a run can be had without those before it.
    pub const fn of_run(seed: u64, run: u64) -> Self {
        Self::new(split_mix(seed, run))
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        let number = split_mix(self.seed, self.block);
        self.block += 1;
        number
    }

    /// A number below `end`, and 0 where that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        let end = end.max(1) as u64;
        // The bias is far below what anybody could notice here.
        usize::try_from(self.next() % end).unwrap_or(0)
    }

    /// A byte.
    pub const fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    /// Whether something happens that happens once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of several, of which there is at least one.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let numbers = |mut random: Random| [random.next(), random.next(), random.next()];
        assert_eq!(numbers(Random::new(7)), numbers(Random::new(7)));
        assert_ne!(numbers(Random::new(7)), numbers(Random::new(8)));
        assert_ne!(numbers(Random::of_run(7, 0)), numbers(Random::of_run(7, 1)));
    }

    #[test]
    fn a_number_is_below_its_end() {
        let mut random = Random::new(1);
        let mut seen = [false; 5];
        for _ in 0..200 {
            seen[random.below(5)] = true;
        }
        assert_eq!(seen, [true; 5]);
        assert_eq!(random.below(0), 0);
    }
}
