//! [`NameIndex`]: finds the keys of one name, at the same cost in a small set and in a large one.

/// The positions of keys by a name that each key may have. Keys of one name stay in the order of the set.
#[derive(Default)]
pub(super) struct NameIndex {
    /// The print of each name with the position of its key, in order.
    named: Vec<(u64, u32)>,
    /// The positions of the keys without a name.
    nameless: Vec<u32>,
}

impl NameIndex {
    pub(super) fn new<'k>(names: impl ExactSizeIterator<Item = Option<&'k str>>) -> Self {
        let (mut named, mut nameless) = (Vec::with_capacity(names.len()), Vec::new());
        for (position, name) in (0..).zip(names) {
            match name {
                Some(name) => named.push((print(name), position)),
                None => nameless.push(position),
            }
        }
        named.sort_unstable();
        Self { named, nameless }
    }

    /// Returns the positions of the keys that may have this name, in the order of the set. Other names can have the
    /// same print, so the caller compares.
    pub(super) fn candidates(&self, name: &str) -> impl Iterator<Item = usize> + Clone {
        let print = print(name);
        let start = self.named.partition_point(|(other, _)| *other < print);
        let from_here = self.named.get(start..).unwrap_or_default();
        from_here.iter().take_while(move |(other, _)| *other == print).map(|(_, position)| *position as usize)
    }

    /// Returns the positions of the keys without a name, in the order of the set.
    pub(super) fn nameless(&self) -> impl Iterator<Item = usize> + Clone {
        self.nameless.iter().map(|position| *position as usize)
    }
}

/// Mixes all bytes of a name: FNV-1a. The issuer chooses the names of its keys, so nobody gains from a collision.
fn print(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |print, byte| {
        (print ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_the_order_of_the_set() {
        let names = [Some("b"), None, Some("a"), Some("b"), Some(""), None, Some("a"), Some("b")];
        let index = NameIndex::new(names.into_iter());
        let found = |name: &str| index.candidates(name).collect::<Vec<_>>();
        assert_eq!(found("a"), [2, 6]);
        assert_eq!(found("b"), [0, 3, 7]);
        assert_eq!(found(""), [4]);
        assert_eq!(found("c"), [0; 0]);
        assert_eq!(index.nameless().collect::<Vec<_>>(), [1, 5]);
    }

    /// A sender chooses which name a token has. A name with the print of another must not stand for it.
    #[test]
    fn names_of_one_print_are_candidates_of_each_other() {
        for [one, other] in [
            ["8yn0iYCKYHlIj4-BwPqk", "GReLUrM4wMqfg9yzV3KQ"],
            ["gMPflVXtwGDXbIhP73TX", "LtHf1prlU1bCeYZEdqWf"],
        ] {
            assert_eq!(print(one), print(other));
            let index = NameIndex::new([Some(other), None, Some(one)].into_iter());
            assert_eq!(index.candidates(one).collect::<Vec<_>>(), [0, 2], "the caller compares");
        }
    }

    /// However many keys there are, the index looks at the keys of one print only.
    #[test]
    fn a_name_in_a_large_set_has_as_many_candidates_as_in_a_small_set() {
        for size in [1, 100, 10_000] {
            let names: Vec<String> = (0..size).map(|name| format!("key-{name}")).collect();
            let index = NameIndex::new(names.iter().map(|name| Some(name.as_str())));
            for (position, name) in names.iter().enumerate() {
                assert_eq!(index.candidates(name).collect::<Vec<_>>(), [position]);
            }
            assert_eq!(index.candidates("key").count(), 0);
        }
    }
}
