//! What an import may do with a table that others write to: decisions from what is written down, without I/O.

use crate::RangeChecksum;

/// How far an import is with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Its plan is being made: nothing is written yet.
    Planning,
    /// Its plan is there: workers may write at any time.
    Writing,
    /// All is written, its sum is known; its finalizer is at work.
    Written,
    /// The same, and its finalizer has reported and is gone.
    Reported,
    /// It has ended, and nobody knows what it has written.
    Failed,
    /// The table was summed with it and holds what it should.
    Verified,
    /// The table was summed with it and holds something else.
    Mismatch,
}

/// States and their words in the target.
const WORDS: [(State, &str); 7] = [
    (State::Planning, "planning"),
    (State::Writing, "writing"),
    (State::Written, "written"),
    (State::Reported, "reported"),
    (State::Failed, "failed"),
    (State::Verified, "verified"),
    (State::Mismatch, "mismatch"),
];

impl State {
    pub(super) fn word(self) -> &'static str {
        WORDS.iter().find(|(state, _)| *state == self).map_or("", |(_, word)| word)
    }

    pub(super) fn of_word(word: &str) -> Option<Self> {
        WORDS.iter().find(|(_, known)| *known == word).map(|(state, _)| *state)
    }
}

/// An import at a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) import_id: String,
    pub(super) state: State,
    /// What it has written, once it is [`State::Written`].
    pub(super) sum: RangeChecksum,
    /// Milliseconds since 1970 until which it is believed to live.
    pub(super) alive_until: u64,
}

/// What is written down about a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Group {
    /// What it held before the first of the imports; unknown until that one has summed it.
    pub(super) base: Option<RangeChecksum>,
    /// Who sums the table now, and until when that holds without renewal.
    pub(super) summing: Option<(String, u64)>,
    pub(super) members: Vec<Member>,
}

impl Group {
    fn summed_by_another(&self, holder: &str, now: u64) -> Option<&str> {
        self.summing.as_ref().filter(|(by, until)| by != holder && *until > now).map(|(by, _)| by.as_str())
    }

    pub(super) fn member(&self, import_id: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.import_id == import_id)
    }

    /// Other imports that write or may begin to: a plan that nobody makes any more is none.
    pub(super) fn unfinished<'g>(&'g self, import_id: &str, now: u64) -> impl Iterator<Item = &'g Member> {
        let counts = move |member: &&Member| match member.state {
            State::Writing => true,
            State::Planning => member.alive_until > now,
            _ => false,
        };
        self.members.iter().filter(move |member| member.import_id != import_id).filter(counts)
    }
}

/// How an import joins those that write to a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Joining {
    /// Not now: this one sums what the table holds.
    Wait(String),
    /// As the first: what the table holds now is not the imports'.
    First,
    /// As one more.
    Another,
}

/// Whether and how an import may join at `now`.
pub(super) fn joining(group: &Group, holder: &str, now: u64) -> Joining {
    if let Some(by) = group.summed_by_another(holder, now) {
        return Joining::Wait(by.to_owned());
    }
    if group.base.is_some() { Joining::Another } else { Joining::First }
}

/// What remains to be done with a table once an import has written everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finishing {
    /// This one sums the table now.
    Wait(String),
    /// These imports still write; the last one sums.
    Left(Vec<String>),
    /// This import is the last: so much must be there. With the imports that are in the sum, and those that
    /// failed and may have written, too.
    Last { expected: RangeChecksum, with: Vec<String>, failed: Vec<String> },
    /// It was summed already.
    Settled(State),
    /// Nothing is written down about the import: somebody has removed it.
    Unknown,
}

/// What an import does that has written `own`, at `now`.
pub(super) fn finishing(
    group: &Group,
    import_id: &str,
    holder: &str,
    own: RangeChecksum,
    now: u64,
) -> Finishing {
    let Some(me) = group.member(import_id) else { return Finishing::Unknown };
    if matches!(me.state, State::Verified | State::Mismatch) {
        return Finishing::Settled(me.state);
    }
    if let Some(by) = group.summed_by_another(holder, now) {
        return Finishing::Wait(by.to_owned());
    }
    let left: Vec<String> = group
        .unfinished(import_id, now)
        .map(|member| {
            let silent = if member.alive_until > now { "" } else { " (not heard of; resume it)" };
            format!("{}{silent}", member.import_id)
        })
        .collect();
    if !left.is_empty() {
        return Finishing::Left(left);
    }
    let Some(mut expected) = group.base else { return Finishing::Unknown };
    expected.add(own);
    let (mut with, mut failed) = (Vec::new(), Vec::new());
    for member in group.members.iter().filter(|member| member.import_id != import_id) {
        match member.state {
            State::Written | State::Reported => {
                expected.add(member.sum);
                with.push(member.import_id.clone());
            }
            State::Failed => failed.push(member.import_id.clone()),
            _ => {}
        }
    }
    Finishing::Last { expected, with, failed }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000;

    fn sum(pairs: u64) -> RangeChecksum {
        RangeChecksum { crc64_xor: pairs << 8, pairs, bytes: pairs * 10 }
    }

    fn member(import_id: &str, state: State, pairs: u64, alive: bool) -> Member {
        let alive_until = if alive { NOW + 1 } else { NOW };
        Member { import_id: import_id.to_owned(), state, sum: sum(pairs), alive_until }
    }

    fn group(members: &[Member]) -> Group {
        Group { base: Some(sum(100)), summing: None, members: members.to_vec() }
    }

    #[test]
    fn who_joins_first_sums_and_others_wait_until_it_has_or_is_dead() {
        let mut table = Group::default();
        assert_eq!(joining(&table, "me", NOW), Joining::First);
        table.summing = Some(("other".to_owned(), NOW + 1));
        assert_eq!(joining(&table, "me", NOW), Joining::Wait("other".to_owned()));
        assert_eq!(joining(&table, "me", NOW + 1), Joining::First, "its lease has ended");
        table.summing = Some(("me".to_owned(), NOW + 1));
        assert_eq!(joining(&table, "me", NOW), Joining::First);
        assert_eq!(joining(&group(&[]), "me", NOW), Joining::Another);
    }

    #[test]
    fn while_another_import_writes_the_sum_is_left_to_it_dead_or_alive() {
        let table = group(&[
            member("me", State::Writing, 0, true),
            member("alive", State::Writing, 0, true),
            member("dead", State::Writing, 0, false),
            member("done", State::Reported, 7, false),
        ]);
        assert_eq!(
            finishing(&table, "me", "h", sum(1), NOW),
            Finishing::Left(vec!["alive".to_owned(), "dead (not heard of; resume it)".to_owned()])
        );
    }

    #[test]
    fn the_last_one_expects_what_was_there_and_what_all_have_written() {
        let table = group(&[
            member("me", State::Written, 0, true),
            member("a", State::Reported, 7, false),
            member("b", State::Written, 20, false),
            member("lost", State::Failed, 0, false),
            member("old", State::Verified, 50, false),
        ]);
        let Finishing::Last { expected, with, failed } = finishing(&table, "me", "h", sum(1), NOW) else {
            panic!("it is the last")
        };
        assert_eq!((expected.pairs, expected.bytes), (128, 1280));
        assert_eq!((with, failed), (vec!["a".to_owned(), "b".to_owned()], vec!["lost".to_owned()]));
    }

    #[test]
    fn a_plan_that_nobody_makes_any_more_holds_nobody_up() {
        let table =
            |alive| group(&[member("me", State::Writing, 0, true), member("p", State::Planning, 0, alive)]);
        assert_eq!(finishing(&table(true), "me", "h", sum(1), NOW), Finishing::Left(vec!["p".to_owned()]));
        assert!(matches!(finishing(&table(false), "me", "h", sum(1), NOW), Finishing::Last { .. }));
    }

    #[test]
    fn two_finalizers_of_one_import_take_turns() {
        let mut table = group(&[member("me", State::Written, 0, true)]);
        table.summing = Some(("first".to_owned(), NOW + 1));
        assert_eq!(finishing(&table, "me", "second", sum(1), NOW), Finishing::Wait("first".to_owned()));
        assert!(matches!(finishing(&table, "me", "first", sum(1), NOW), Finishing::Last { .. }));
        table = Group { members: vec![member("me", State::Verified, 0, true)], ..Group::default() };
        assert_eq!(finishing(&table, "me", "second", sum(1), NOW), Finishing::Settled(State::Verified));
        assert_eq!(finishing(&Group::default(), "me", "h", sum(1), NOW), Finishing::Unknown);
    }

    #[test]
    fn every_state_has_a_word_of_its_own() {
        for (state, word) in WORDS {
            assert_eq!((state.word(), State::of_word(word)), (word, Some(state)));
        }
        assert_eq!(State::of_word(""), None);
    }
}
