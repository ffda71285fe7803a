//! Values that look random and are a function of a seed.

/// A stream of draws. The same seed gives the same stream on every machine and for ever, which a library's
/// generator does not promise across its versions; the mixing step is the well-known splitmix64.
#[derive(Debug, Clone)]
pub struct Draw(u64);

impl Draw {
    /// A stream that depends on all three numbers.
    pub fn new(seed: u64, purpose: u64, index: u64) -> Self {
        Self(mix(mix(seed ^ purpose.rotate_left(32)).wrapping_add(index)))
    }

    /// A stream of its own for this name, so that drawing one more value changes no other.
    pub fn aside(&self, name: &str) -> Self {
        Self(name.bytes().fold(self.0, |sum, byte| {
            (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        }))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number in `0..bound`; 0 when the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // Multiply-shift: no division, and no visible bias for the small bounds used here.
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in `low..=high`.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as u64) as i64
    }

    /// True in `percent` of a hundred draws.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of the choices.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// The splitmix64 finaliser: a one-to-one map of 64 bits that looks random.
pub fn mix(input: u64) -> u64 {
    let mut z = input;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Takes [`mix`] back.
pub fn unmix(output: u64) -> u64 {
    let mut z = output;
    z = (z ^ (z >> 31) ^ (z >> 62)).wrapping_mul(0x3196_42b2_d24d_8ec3);
    z = (z ^ (z >> 27) ^ (z >> 54)).wrapping_mul(0x96de_1b17_3f11_9089);
    z ^ (z >> 30) ^ (z >> 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unmixing_takes_mixing_back() {
        for input in (0..1_000).chain([u64::MAX, u64::MAX / 3, 1 << 63]) {
            assert_eq!(unmix(mix(input)), input);
        }
    }

    #[test]
    fn draws_stay_inside_their_bounds_and_reach_them() {
        let mut draw = Draw::new(1, 2, 3);
        let drawn: Vec<i64> = (0..1_000).map(|_| draw.between(-2, 2)).collect();
        assert!(drawn.iter().all(|value| (-2..=2).contains(value)));
        assert!((-2..=2).all(|value| drawn.contains(&value)));
    }
}
