//! Identifiers in PayPal's formats.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

const CAPITALS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &[u8; 10] = b"0123456789";
const HEXADECIMALS: &[u8; 16] = b"0123456789abcdef";

/// A sequence of identifiers that the seed determines. The ledger's file stores the position, so no
/// identifier is used twice.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Ids {
    seed: [u8; 16],
    #[serde(rename = "given")]
    position: u64,
}

impl Ids {
    pub(super) fn random() -> Self {
        let mut seed = [0; 16];
        // A guessable seed is acceptable: the simulator protects no money.
        if getrandom::fill(&mut seed).is_err() {
            seed = u128::from(std::process::id()).to_be_bytes();
        }
        Self { seed, position: 0 }
    }

    /// Each `stream` of a seed is a separate sequence.
    pub(super) fn seeded(seed: u64, stream: u64) -> Self {
        let seed = (u128::from(seed) << 64) | u128::from(stream);
        Self {
            seed: seed.to_be_bytes(),
            position: 0,
        }
    }

    /// The id of an order, an authorization, a capture or a refund: 17 capitals and digits.
    pub(super) fn next_resource_id(&mut self) -> String {
        self.draw(17, CAPITALS)
    }

    /// A `debug_id`: 13 hexadecimal digits.
    pub(super) fn next_debug_id(&mut self) -> String {
        self.draw(13, HEXADECIMALS)
    }

    /// An access token: `A21AA`, then 92 capitals and digits.
    pub(super) fn next_token(&mut self) -> String {
        format!(
            "A21AA{}{}{}",
            self.draw(32, CAPITALS),
            self.draw(32, CAPITALS),
            self.draw(28, CAPITALS)
        )
    }

    /// The id of a dispute, such as `PP-D-271828182`.
    pub(super) fn next_dispute_id(&mut self) -> String {
        format!("PP-D-{}", self.draw(9, DIGITS))
    }

    /// A number below `limit`, which must not be 0.
    pub(super) fn draw_below(&mut self, limit: u64) -> u64 {
        let mut bytes = [0; 8];
        for (byte, digest_byte) in bytes.iter_mut().zip(self.next_digest()) {
            *byte = digest_byte;
        }
        u64::from_be_bytes(bytes) % limit.max(1)
    }

    fn next_digest(&mut self) -> [u8; 32] {
        self.position += 1;
        Sha256::new()
            .chain_update(self.seed)
            .chain_update(self.position.to_be_bytes())
            .finalize()
            .into()
    }

    fn draw(&mut self, length: usize, alphabet: &[u8]) -> String {
        self.next_digest()
            .iter()
            .take(length)
            .filter_map(|byte| alphabet.get(usize::from(*byte) % alphabet.len()))
            .map(|letter| char::from(*letter))
            .collect()
    }
}
