//! Random numbers of the test cases.

use jiff::{
    ToSpan,
    civil::{Date, date},
};

/// xorshift64*. Its fixed seed makes each case repeatable.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        u32::try_from(mixed % u64::from(bound)).unwrap()
    }

    pub(crate) fn chance(&mut self, one_in: u32) -> bool {
        self.below(one_in) == 0
    }

    pub(crate) fn uuid(&mut self) -> String {
        let mut word = || self.below(0x7fff_ffff);
        format!("{:08x}-0000-4000-8000-0000{:08x}", word(), word())
    }

    pub(crate) fn day(&mut self) -> Date {
        date(2030, 1, 1)
            .checked_add(i64::from(self.below(120)).days())
            .unwrap()
    }
}
