//! Sequence numbers: 32 bits that wrap (RFC 9293, section 3.4).

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};

/// A sequence or acknowledgment number.
///
/// It has no total order: `a` is before `b` when the way from `a` up to `b` is shorter than 2^31.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u32);

impl Seq {
    /// The distance from `base` up to `self`, modulo 2^32: a number relative to an initial sequence number.
    pub fn since(self, base: Seq) -> u32 {
        self.0.wrapping_sub(base.0)
    }

    /// The signed distance from `other` to `self`; negative when `self` is before `other`.
    pub fn offset_from(self, other: Seq) -> i32 {
        self.since(other).cast_signed()
    }

    /// Whether `self` comes before `other` in the modular order.
    pub fn is_before(self, other: Seq) -> bool {
        self.offset_from(other) < 0
    }
}

impl Add<u32> for Seq {
    type Output = Seq;

    fn add(self, count: u32) -> Seq {
        Seq(self.0.wrapping_add(count))
    }
}

impl AddAssign<u32> for Seq {
    fn add_assign(&mut self, count: u32) {
        *self = *self + count;
    }
}

impl Sub<u32> for Seq {
    type Output = Seq;

    fn sub(self, count: u32) -> Seq {
        Seq(self.0.wrapping_sub(count))
    }
}

/// The modular order; `None` for two numbers exactly 2^31 apart, which are neither before nor after each other.
impl PartialOrd for Seq {
    fn partial_cmp(&self, other: &Seq) -> Option<Ordering> {
        match self.offset_from(*other) {
            i32::MIN => None,
            offset => Some(offset.cmp(&0)),
        }
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_added_is_the_distance(base: u32, count: u32) {
            let base = Seq(base);
            prop_assert_eq!((base + count).since(base), count);
            prop_assert_eq!(base + count - count, base);
        }

        #[test]
        fn a_number_comes_before_all_of_the_half_circle_after_it(base: u32, count in 1_u32..1 << 31) {
            let base = Seq(base);
            prop_assert!(base.is_before(base + count));
            prop_assert!(base + count > base);
            prop_assert!(!(base + count).is_before(base));
        }

        #[test]
        fn order_does_not_depend_on_the_origin(one: u32, other: u32, shift: u32) {
            let order = Seq(one).partial_cmp(&Seq(other));
            prop_assert_eq!((Seq(one) + shift).partial_cmp(&(Seq(other) + shift)), order);
        }
    }

    #[test]
    fn opposite_numbers_have_no_order() {
        assert_eq!(Seq(5).partial_cmp(&(Seq(5) + (1 << 31))), None);
        assert_eq!(Seq(5).partial_cmp(&Seq(5)), Some(Ordering::Equal));
    }

    #[test]
    fn numbers_wrap() {
        assert_eq!(Seq(u32::MAX) + 2, Seq(1));
        assert!(Seq(u32::MAX).is_before(Seq(0)));
    }
}
