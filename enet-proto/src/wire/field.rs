//! Fields at fixed positions. That a field lies inside its command is checked when the program is compiled, so reading and
//! writing one cannot panic.

/// A byte at position `AT`.
#[derive(Clone, Copy)]
pub(super) struct U8<const AT: usize>;

/// A big-endian 16-bit number at positions `AT` and the one after.
#[derive(Clone, Copy)]
pub(super) struct U16<const AT: usize>;

/// A big-endian 32-bit number at positions `AT` and the three after.
#[derive(Clone, Copy)]
pub(super) struct U32<const AT: usize>;

impl<const AT: usize> U8<AT> {
    #[inline]
    pub(super) const fn get<const N: usize>(self, bytes: &[u8; N]) -> u8 {
        const { assert!(AT < N) };
        bytes[AT]
    }

    #[inline]
    pub(super) const fn set<const N: usize>(self, bytes: &mut [u8; N], value: u8) {
        const { assert!(AT < N) };
        bytes[AT] = value;
    }
}

impl<const AT: usize> U16<AT> {
    #[inline]
    pub(super) const fn get<const N: usize>(self, bytes: &[u8; N]) -> u16 {
        const { assert!(AT + 2 <= N) };
        u16::from_be_bytes([bytes[AT], bytes[AT + 1]])
    }

    #[inline]
    pub(super) const fn set<const N: usize>(self, bytes: &mut [u8; N], value: u16) {
        const { assert!(AT + 2 <= N) };
        [bytes[AT], bytes[AT + 1]] = value.to_be_bytes();
    }
}

impl<const AT: usize> U32<AT> {
    #[inline]
    pub(super) const fn get<const N: usize>(self, bytes: &[u8; N]) -> u32 {
        const { assert!(AT + 4 <= N) };
        u32::from_be_bytes([bytes[AT], bytes[AT + 1], bytes[AT + 2], bytes[AT + 3]])
    }

    #[inline]
    pub(super) const fn set<const N: usize>(self, bytes: &mut [u8; N], value: u32) {
        const { assert!(AT + 4 <= N) };
        [bytes[AT], bytes[AT + 1], bytes[AT + 2], bytes[AT + 3]] = value.to_be_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_big_endian_and_touch_nothing_else() {
        let mut bytes = [0; 9];
        U8::<1>.set(&mut bytes, 0xAB);
        U16::<2>.set(&mut bytes, 0x0102);
        U32::<4>.set(&mut bytes, 0x0304_0506);
        assert_eq!(bytes, [0, 0xAB, 1, 2, 3, 4, 5, 6, 0]);
        assert_eq!(U8::<1>.get(&bytes), 0xAB);
        assert_eq!(U16::<2>.get(&bytes), 0x0102);
        assert_eq!(U32::<4>.get(&bytes), 0x0304_0506);
    }
}
