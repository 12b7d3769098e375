//! How many requests a store is given at once: the law by which that number falls and rises.
//!
//! One more for each round of requests that went well, half when the store says that it has too much. The law knows
//! neither clock nor network.

/// Requests that may be with one store at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    ceiling: u32,
    limit: u32,
    /// Requests of this round that went well since the limit last changed.
    well: u32,
    /// Rises with every refusal that counted.
    round: u32,
}

impl Window {
    /// Wide open: a store is well until it says otherwise. A ceiling of zero is one.
    pub(crate) fn new(ceiling: u32) -> Self {
        let ceiling = ceiling.max(1);
        Self { ceiling, limit: ceiling, well: 0, round: 0 }
    }

    /// Requests that may be with the store at once.
    pub(crate) fn limit(&self) -> u32 {
        self.limit
    }

    /// What a request that begins now carries until its end.
    pub(crate) fn round(&self) -> u32 {
        self.round
    }

    /// A request that began in `round` went well; whether the window is wide open again by that. What began before
    /// the last refusal says nothing about the store after it.
    pub(crate) fn succeeded(&mut self, round: u32) -> bool {
        if round != self.round || self.limit >= self.ceiling {
            return false;
        }
        self.well += 1;
        if self.well < self.limit {
            return false;
        }
        self.well = 0;
        self.limit += 1;
        self.limit == self.ceiling
    }

    /// The store had too much of a request that began in `round`; whether the limit fell. All that were with the
    /// store at that moment are refused together, and are one sign.
    pub(crate) fn refused(&mut self, round: u32) -> bool {
        if round != self.round {
            return false;
        }
        self.round = self.round.wrapping_add(1);
        self.well = 0;
        let fell = self.limit > 1;
        self.limit = (self.limit / 2).max(1);
        fell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_halves_the_limit_down_to_one() {
        let mut window = Window::new(16);
        let limits: Vec<(bool, u32)> =
            (0..6).map(|_| (window.refused(window.round()), window.limit())).collect();
        assert_eq!(limits, [(true, 8), (true, 4), (true, 2), (true, 1), (false, 1), (false, 1)]);
    }

    #[test]
    fn requests_that_are_refused_together_halve_once() {
        let mut window = Window::new(16);
        let round = window.round();
        let fell: Vec<bool> = (0..16).map(|_| window.refused(round)).collect();
        assert_eq!((fell.iter().filter(|fell| **fell).count(), window.limit()), (1, 8));
    }

    #[test]
    fn a_round_of_requests_that_go_well_is_worth_one_more() {
        let mut window = Window::new(8);
        window.refused(0);
        let mut needed = Vec::new();
        while window.limit() < 8 {
            let (limit, mut requests) = (window.limit(), 0);
            while window.limit() == limit {
                requests += 1;
                assert_eq!(window.succeeded(window.round()), window.limit() == 8);
            }
            assert_eq!(window.limit(), limit + 1);
            needed.push(requests);
        }
        assert_eq!(needed, [4, 5, 6, 7]);
        assert!((0..100).all(|_| !window.succeeded(window.round())));
        assert_eq!(window.limit(), 8, "never above the ceiling");
    }

    #[test]
    fn what_began_before_a_refusal_opens_nothing_after_it() {
        let mut window = Window::new(2);
        let before = window.round();
        window.refused(before);
        assert!(!window.succeeded(before));
        assert_eq!(window.limit(), 1);
        assert!(window.succeeded(window.round()));
        assert_eq!(window.limit(), 2);
    }

    #[test]
    fn whatever_happens_the_limit_stays_between_one_and_the_ceiling() {
        for ceiling in [0, 1, 2, 7] {
            let mut window = Window::new(ceiling);
            let mut state = 1_u64;
            for _ in 0..1000 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let round = window.round().wrapping_sub((state >> 60) as u32 % 2);
                if state >> 62 == 0 {
                    window.refused(round)
                } else {
                    window.succeeded(round)
                };
                assert!((1..=ceiling.max(1)).contains(&window.limit()), "{window:?}");
            }
        }
    }
}
