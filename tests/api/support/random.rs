//! Seeded choices: a failed run can be repeated with the same cars and days.

use super::environment::{new_uuid, variable_or};
use std::{
    cell::Cell,
    panic::{set_hook, take_hook},
    sync::{LazyLock, Once},
    thread,
};

const VARIABLE: &str = "EXODRIVE_TEST_SEED";

/// The seed of all choices, from the environment or new. The first failed test prints it.
static SEED: LazyLock<u64> = LazyLock::new(|| {
    let seed = match variable_or(VARIABLE, "").as_str() {
        "" => new_uuid().as_u64_pair().0,
        text => text
            .parse()
            .unwrap_or_else(|_| panic!("{VARIABLE} is not a number: {text}")),
    };
    print_on_failure(seed);
    seed
});

thread_local! {
    /// libtest names a thread after its test, so the order of tests does not change the numbers.
    static STATE: Cell<u64> = Cell::new(initial_state());
}

#[expect(clippy::print_stderr, reason = "libtest shows it with the failed test")]
fn print_on_failure(seed: u64) {
    static PRINTED: Once = Once::new();
    let default_hook = take_hook();
    set_hook(Box::new(move |panic| {
        default_hook(panic);
        PRINTED.call_once(|| eprintln!("cars and days were chosen with {VARIABLE}={seed}"));
    }));
}

fn initial_state() -> u64 {
    let test = thread::current().name().unwrap_or_default().to_owned();
    let mix_in = |state, byte| split_mix(state).1 ^ u64::from(byte);
    test.bytes().fold(*SEED, mix_in)
}

/// The next state and number of `SplitMix64`. <https://prng.di.unimi.it/splitmix64.c>
fn split_mix(state: u64) -> (u64, u64) {
    let next = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = next;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (next, mixed ^ (mixed >> 31))
}

/// A number below `limit` that the seed and the test decide.
pub(crate) fn random_below(limit: usize) -> usize {
    let (next, number) = split_mix(STATE.get());
    STATE.set(next);
    usize::try_from(number % u64::try_from(limit).unwrap()).unwrap()
}
