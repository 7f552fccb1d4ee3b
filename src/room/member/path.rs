//! How many keys a commit's update path is encrypted to (RFC 9420, section 7.5), and who makes that fewer.

use openmls::treesync::TreeSync;
use tls_codec::{DeserializeBytes, Serialize, VLBytes};

use super::MemberRoom;
use crate::{
    code::Code,
    error::{Error, Result},
    limits,
};

impl MemberRoom {
    /// Whether a commit of this device would make those of others shorter, and they need it (SPEC V-478).
    /// Computed from the tree in O(leaves).
    pub(crate) fn wants_path(&self) -> Result<bool> {
        let tree = self.mls.treesync();
        if tree.leaves().len() <= limits::PATH_SUBTREE {
            return Ok(false);
        }
        let tree = Tree::of(tree)?;
        let own = self.mls.own_leaf_index().u32() as usize;
        Ok(tree.has_gap(own) && tree.width(own) > limits::PATH_KEYS.saturating_mul(tree.height()))
    }
}

/// Which nodes of a ratchet tree are there.
struct Tree {
    leaves: Vec<bool>,
    /// The unmerged leaves of parent nodes that are not blank.
    parents: Vec<Option<Vec<u32>>>,
}

impl Tree {
    fn of(tree: &TreeSync) -> Result<Self> {
        let leaves: Vec<bool> = tree.leaves().iter().map(Option::is_some).collect();
        let mut parents = vec![None; leaves.len()];
        for (index, node) in tree.full_parents() {
            let unreadable = |_| Error::new(Code::Bug, "parent node");
            let bytes = node.tls_serialize_detached().map_err(unreadable)?;
            // encryption_key, parent_hash, unmerged_leaves (RFC 9420, section 7.1)
            let read = <(VLBytes, VLBytes, Vec<u32>)>::tls_deserialize_exact_bytes(&bytes);
            let (_, _, unmerged) = read.map_err(unreadable)?;
            let place = parents.get_mut(index.u32() as usize).ok_or(Error::new(Code::Bug, "parent node"))?;
            *place = Some(unmerged);
        }
        Ok(Tree { leaves, parents })
    }

    /// Levels between a leaf and the root.
    fn height(&self) -> usize {
        self.leaves.len().next_power_of_two().trailing_zeros() as usize
    }

    /// The node over the 2^`level` leaves from `first` on, if it is not blank. In the array, which counts leaves and
    /// parents in turn, it is node `2 · first + 2^level - 1` (RFC 9420, appendix C).
    fn parent(&self, level: usize, first: usize) -> Option<&Vec<u32>> {
        let half = 1_usize << level.checked_sub(1)?;
        self.parents.get(first.saturating_add(half).saturating_sub(1))?.as_ref()
    }

    /// Whether a node above a leaf is blank, or has the leaf unmerged, over at least `PATH_SUBTREE` leaves and below the
    /// root, to which nobody encrypts.
    fn has_gap(&self, leaf: usize) -> bool {
        let lowest = limits::PATH_SUBTREE.trailing_zeros() as usize;
        (lowest..self.height()).any(|level| {
            let parent = self.parent(level, leaf >> level << level);
            parent.is_none_or(|unmerged| unmerged.contains(&u32::try_from(leaf).unwrap_or(u32::MAX)))
        })
    }

    /// To how many keys the path from a leaf is encrypted: the resolutions of the siblings along the way to the root
    /// (RFC 9420, section 4.1.1).
    fn width(&self, leaf: usize) -> usize {
        let sibling = |level: usize| ((leaf >> level) ^ 1) << level;
        (0..self.height()).map(|level| self.resolution(level, sibling(level))).sum()
    }

    /// How many keys stand for the 2^`level` leaves from `first` on. Goes as deep as the tree: 14 levels for the
    /// most members that a room has.
    fn resolution(&self, level: usize, first: usize) -> usize {
        let Some(below) = level.checked_sub(1) else {
            return usize::from(self.leaves.get(first).is_some_and(|full| *full));
        };
        match self.parent(level, first) {
            Some(unmerged) => unmerged.len().saturating_add(1),
            None if first >= self.leaves.len() => 0,
            None => {
                let half = first.saturating_add(1 << below);
                self.resolution(below, first).saturating_add(self.resolution(below, half))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(leaves: usize) -> Tree {
        Tree { leaves: vec![true; leaves], parents: vec![None; leaves] }
    }

    impl Tree {
        /// As after a commit of a leaf.
        fn fill(&mut self, leaf: usize) {
            for level in 1..=self.height() {
                let place = (leaf >> level << level) + (1 << (level - 1)) - 1;
                if let Some(parent) = self.parents.get_mut(place) {
                    *parent = Some(Vec::new());
                }
            }
        }
    }

    #[test]
    fn in_an_empty_tree_every_other_leaf_counts() {
        for leaves in [1, 2, 3, 8, 1000] {
            for own in [0, leaves / 2, leaves - 1] {
                assert_eq!(tree(leaves).width(own), leaves - 1);
            }
        }
        let mut gaps = tree(8);
        gaps.leaves[5] = false;
        assert_eq!(gaps.width(0), 6);
    }

    /// The tree of RFC 9420, appendix C.
    #[test]
    fn a_full_parent_stands_for_its_leaves_and_for_those_that_are_not_merged() {
        let mut some = tree(8);
        some.parents[2] = Some(vec![]); // node 5, over leaves 2 and 3
        assert_eq!(some.width(0), 1 + 1 + 4);
        some.parents[5] = Some(vec![6, 7]); // node 11, over leaves 4 to 7
        assert_eq!(some.width(0), 1 + 1 + 3);
        // From beneath it, it says nothing; node 5 does, within the half of leaf 0.
        assert_eq!(some.width(4), 1 + 2 + 3);
        some.parents[1] = Some(vec![]); // node 3, over leaves 0 to 3
        assert_eq!(some.width(4), 1 + 2 + 1);
    }

    #[test]
    fn a_gap_is_a_blank_node_above_or_one_that_does_not_know_the_leaf() {
        assert!(!tree(limits::PATH_SUBTREE).has_gap(3), "no level between the subtree and the root");
        let mut large = tree(64);
        large.fill(20);
        assert!(!large.has_gap(20));
        assert!(!large.has_gap(17), "in the same sixteenth");
        assert!(large.has_gap(40));
        large.parents[23] = Some(vec![17]); // over leaves 16 to 31
        assert!(large.has_gap(17));
        assert!(!large.has_gap(18));
    }

    /// One commit after the other of those who see a gap and are not done yet, in any order: few of them, and then
    /// nobody's commits are long.
    #[test]
    fn a_few_commits_are_enough_for_everybody() {
        for (leaves, at_most) in [(64, 4), (100, 7), (1000, 63)] {
            let mut large = tree(leaves);
            let mut commits = 0;
            // 7 is coprime to all of these: each leaf comes once.
            for leaf in (0..leaves).map(|n| n * 7 % leaves) {
                if large.has_gap(leaf) && large.width(leaf) > limits::PATH_KEYS * large.height() {
                    large.fill(leaf);
                    commits += 1;
                }
            }
            let longest = (0..leaves).map(|leaf| large.width(leaf)).max().unwrap();
            assert!((1..=at_most).contains(&commits), "{commits} commits for {leaves}");
            assert!(longest <= 2 * limits::PATH_KEYS * large.height(), "{longest} keys in {leaves}");
        }
    }
}
