//! Which parts of a whole differ from what they should be, by few questions about runs of them: pure.

use std::ops::Range;

use th_ledger::Pairs;

/// A search among parts whose sums add up. Each answer halves a run that differs.
#[derive(Debug)]
pub(crate) struct Search<'a> {
    expected: &'a [Pairs],
    /// Runs and what was found of them, those that come first last.
    open: Vec<(Range<usize>, Pairs)>,
    /// The run whose first half is asked for.
    asked: Option<(Range<usize>, Pairs)>,
    differing: Vec<(usize, Pairs)>,
}

fn halves(run: &Range<usize>) -> (Range<usize>, Range<usize>) {
    let middle = run.start + run.len() / 2;
    (run.start..middle, middle..run.end)
}

impl<'a> Search<'a> {
    /// Looks among parts of which this is expected, and that was found of all of them together.
    pub(crate) fn new(expected: &'a [Pairs], whole: Pairs) -> Self {
        Self { expected, open: vec![(0..expected.len(), whole)], asked: None, differing: Vec::new() }
    }

    /// The run of parts whose sum decides what comes next; `None` when all is known, or `most` parts that differ are.
    pub(crate) fn question(&mut self, most: usize) -> Option<Range<usize>> {
        while self.differing.len() < most {
            let (run, found) = self.open.pop()?;
            let mut expected = Pairs::default();
            for part in self.expected.get(run.clone()).unwrap_or_default() {
                expected.add(*part);
            }
            if found == expected {
                continue;
            }
            match run.len() {
                0 => {}
                1 => self.differing.push((run.start, found)),
                _ => {
                    let (first, _) = halves(&run);
                    self.asked = Some((run, found));
                    return Some(first);
                }
            }
        }
        None
    }

    /// What was found of the run that was asked for.
    pub(crate) fn answer(&mut self, found: Pairs) {
        let Some((run, mut rest)) = self.asked.take() else { return };
        let (first, second) = halves(&run);
        rest.remove(found);
        self.open.push((second, rest));
        self.open.push((first, found));
    }

    /// The parts that differ, and what was found of them.
    pub(crate) fn differing(self) -> Vec<(usize, Pairs)> {
        self.differing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(number: usize) -> Pairs {
        let crc64 = (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Pairs { crc64, pairs: 10, bytes: 100 + number as u64 }
    }

    fn sum(parts: &[Pairs]) -> Pairs {
        let mut total = Pairs::default();
        for part in parts {
            total.add(*part);
        }
        total
    }

    /// The parts that differ, and the number of questions.
    fn search(expected: &[Pairs], found: &[Pairs], most: usize) -> (Vec<(usize, Pairs)>, usize) {
        let mut search = Search::new(expected, sum(found));
        let mut questions = 0;
        while let Some(run) = search.question(most) {
            questions += 1;
            search.answer(sum(&found[run]));
        }
        (search.differing(), questions)
    }

    #[test]
    fn parts_that_differ_are_found_wherever_they_are() {
        for count in [1, 2, 3, 7, 64] {
            let expected: Vec<Pairs> = (0..count).map(part).collect();
            assert_eq!(search(&expected, &expected, 9), (Vec::new(), 0));
            for lost in 0..count {
                let mut found = expected.clone();
                found[lost].pairs -= 1;
                found[lost].crc64 ^= 0x4D;
                let (differing, questions) = search(&expected, &found, 9);
                assert_eq!(differing, [(lost, found[lost])]);
                assert!(questions <= 6, "{questions} questions for {count} parts");
            }
        }
    }

    #[test]
    fn several_are_found_in_order_and_no_more_than_wanted() {
        let expected: Vec<Pairs> = (0..100).map(part).collect();
        let mut found = expected.clone();
        // A pair that one part lacks and another has too many does not change the count of the whole.
        found[3].pairs -= 1;
        found[60].pairs += 1;
        found[61].crc64 ^= 1;
        let numbers =
            |most| search(&expected, &found, most).0.iter().map(|(at, _)| *at).collect::<Vec<usize>>();
        assert_eq!(numbers(9), [3, 60, 61]);
        assert_eq!(numbers(2), [3, 60]);
    }

    #[test]
    fn of_a_hundred_thousand_parts_one_is_found_by_seventeen_questions() {
        let expected: Vec<Pairs> = (0..100_000).map(part).collect();
        let mut found = expected.clone();
        found[77_777].bytes += 1;
        let (differing, questions) = search(&expected, &found, 3);
        assert_eq!((differing.len(), differing[0].0), (1, 77_777));
        assert!(questions <= 17, "{questions}");
    }
}
