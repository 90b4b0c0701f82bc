//! Splits bytes into pieces, as a network does.

use bytes::Bytes;

/// The bytes as one piece.
pub fn whole(data: &[u8]) -> Vec<Bytes> {
    vec![Bytes::copy_from_slice(data)]
}

/// Pieces of 1 to 64 bytes, most of them short. Their lengths depend on the bytes only, so that a failure can be repeated.
pub fn pieces(data: &[u8]) -> Vec<Bytes> {
    let mut random = Random::new(data);
    let mut rest = data;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let longest = 1 << random.below(7);
        let (piece, after) = rest.split_at((1 + random.below(longest)).min(rest.len()));
        pieces.push(Bytes::copy_from_slice(piece));
        rest = after;
    }
    pieces
}

/// A small generator, with the bytes as its seed.
struct Random(u64);

impl Random {
    fn new(data: &[u8]) -> Self {
        // FNV-1a
        Self(data.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}
